#include "util/ssh_key.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/process.h"
#include "util/text.h"

namespace {

struct KeyKind {
  std::vector<std::string> options;
  const char* type;
};
const std::vector<KeyKind> kKinds = {
    {{"-t", "ed25519"}, "ssh-ed25519"},
    {{"-t", "rsa", "-b", "2048"}, "ssh-rsa"},
    {{"-t", "rsa", "-b", "2048", "-m", "PEM"}, "ssh-rsa"},
    {{"-t", "rsa", "-b", "2048", "-m", "PKCS8"}, "ssh-rsa"},
    {{"-t", "ecdsa", "-b", "256"}, "ecdsa-sha2-nistp256"},
    {{"-t", "ecdsa", "-b", "384", "-m", "PEM"}, "ecdsa-sha2-nistp384"},
    {{"-t", "ecdsa", "-b", "521", "-m", "PKCS8"}, "ecdsa-sha2-nistp521"},
    {{"-t", "ecdsa", "-b", "521"}, "ecdsa-sha2-nistp521"},
};

/// False where ssh-keygen is not installed.
bool make_key(const std::filesystem::path& path, const KeyKind& kind, const std::string& passphrase = "") {
  util::CommandOptions options;
  options.arguments = {"ssh-keygen", "-q", "-N", passphrase, "-f", path.string()};
  options.arguments.insert(options.arguments.end(), kind.options.begin(), kind.options.end());
  options.environment = {"PATH=" + std::string(std::getenv("PATH"))};
  try {
    return util::run_command(options).status.success();
  } catch (const util::Error&) {
    MESSAGE("SKIP: ssh-keygen is not installed");
    return false;
  }
}

}  // namespace

TEST_CASE("keys of every kind and format have the public half that ssh-keygen wrote, and sign") {
  const test::TestDir dir;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const std::filesystem::path path = dir / ("key" + std::to_string(i));
    if (!make_key(path, kKinds[i])) return;
    CAPTURE(util::join(kKinds[i].options, " "));
    const util::SshKey key = util::SshKey::load(path);
    const std::vector<std::string> line = util::split(util::read_file(path.string() + ".pub"), ' ');
    CHECK(line.at(0) == kKinds[i].type);
    CHECK(util::base64_encode(key.public_blob()) == line.at(1));
    // What the signature is worth is shown in ssh_agent_test.cc.
    const bool rsa = std::string(kKinds[i].type) == "ssh-rsa";
    const std::string expected = rsa ? "rsa-sha2-512" : kKinds[i].type;
    CHECK(key.sign("data", util::SshKey::kRsaSha512).substr(4, expected.size()) == expected);
    if (rsa) CHECK(key.sign("data", util::SshKey::kRsaSha256).substr(4, 12) == "rsa-sha2-256");
    if (rsa) CHECK(key.sign("data", 0).substr(4, 7) == "ssh-rsa");
  }
}

TEST_CASE("a key with a passphrase is refused, with what to do instead") {
  const test::TestDir dir;
  for (const char* format : {"RFC4716", "PEM", "PKCS8"}) {
    const std::filesystem::path path = dir / format;
    if (!make_key(path, {{"-t", "rsa", "-b", "2048", "-m", format}, ""}, "secret")) return;
    CAPTURE(format);
    try {
      (void)util::SshKey::load(path);
      FAIL("accepted");
    } catch (const util::Error& error) {
      CHECK(error.message() == "ssh key `" + path.string() + "`: it is protected by a passphrase");
      CHECK(error.hint().find("ssh-add") != std::string::npos);
    }
  }
}

TEST_CASE("what is no private key is refused") {
  const test::TestDir dir;
  CHECK_THROWS_AS(util::SshKey::parse(""), util::Error);
  CHECK_THROWS_AS(util::SshKey::parse("ssh-ed25519 AAAA"), util::Error);
  CHECK_THROWS_AS(util::SshKey::parse("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
                  util::Error);
  CHECK_THROWS_AS(util::SshKey::load(dir / "absent"), util::Error);
  const std::filesystem::path path = dir / "key";
  if (!make_key(path, kKinds[0])) return;
  CHECK_THROWS_AS(util::SshKey::load(path.string() + ".pub"), util::Error);
  // Cut anywhere, with the PEM block still well-formed.
  const std::string text = util::read_file(path);
  const auto begin = text.find('\n') + 1, end = text.find("-----END");
  const std::string data = *util::base64_decode(util::replace_all(text.substr(begin, end - begin), "\n", ""));
  for (std::size_t length = 0; length + 40 < data.size(); length += 3) {
    const std::string block = text.substr(0, begin) + util::base64_encode(data.substr(0, length)) + "\n" + text.substr(end);
    CHECK_THROWS_AS(util::SshKey::parse(block), util::Error);
  }
}
