#include "solver/ops/ssh_agent.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/process.h"
#include "util/ssh_wire.h"
#include "util/unix_socket.h"

namespace {

util::CaptureResult run(std::vector<std::string> arguments, const std::filesystem::path& agent = {}) {
  util::CommandOptions options;
  options.arguments = std::move(arguments);
  options.environment = {"PATH=" + std::string(std::getenv("PATH")), "SSH_AUTH_SOCK=" + agent.string()};
  return util::run_command(options);
}

bool have_ssh() {
  try {
    run({"ssh-add", "-h"});
    return true;
  } catch (const util::Error&) {
    MESSAGE("SKIP: openssh-client is not installed");
    return false;
  }
}

ops::SshSource keys_of(const std::vector<std::filesystem::path>& files) {
  ops::SshSource source;
  for (const auto& file : files) source.keys.push_back(util::SshKey::load(file));
  return source;
}

/// Signs a file with the agent, whose public key alone is known, and verifies it with ssh-keygen.
bool signs(const std::filesystem::path& agent, const std::filesystem::path& key, const std::filesystem::path& directory) {
  const std::filesystem::path data = directory / "data", allowed = directory / "allowed";
  std::ofstream(data) << "signed";
  std::ofstream(allowed) << "me " << util::read_file(key.string() + ".pub");
  std::filesystem::remove(data.string() + ".sig");
  std::filesystem::remove(key);
  if (!run({"ssh-keygen", "-q", "-Y", "sign", "-n", "test", "-f", key.string() + ".pub", data.string()}, agent).status.success())
    return false;
  return run({"sh", "-c", "ssh-keygen -Y verify -f \"$1\" -I me -n test -s \"$2.sig\" < \"$2\"", "sh", allowed.string(),
              data.string()})
      .status.success();
}

std::string exchange(int fd, const std::string& message) {
  util::write_all(fd, util::SshWriter().string(message).text());
  std::string length(4, '\0');
  if (util::read_full(fd, std::as_writable_bytes(std::span(length))) != 4) return "closed";
  std::string answer(util::SshReader(length).number(), '\0');
  util::read_full(fd, std::as_writable_bytes(std::span(answer)));
  return answer;
}

const std::string kFailure = "\x05";

}  // namespace

TEST_CASE("an agent of key files lists them and signs as ssh demands") {
  if (!have_ssh()) return;
  const test::TestDir dir;
  std::vector<std::filesystem::path> files;
  const std::vector<std::vector<std::string>> kinds = {
      {"-t", "ed25519"}, {"-t", "rsa", "-b", "2048", "-m", "PEM"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "521", "-m", "PEM"}};
  for (const auto& kind : kinds) {
    files.push_back(dir / ("key" + std::to_string(files.size())));
    std::vector<std::string> arguments = {"ssh-keygen", "-q", "-N", "", "-f", files.back().string()};
    arguments.insert(arguments.end(), kind.begin(), kind.end());
    REQUIRE(run(arguments).status.success());
  }
  const ops::SshAgent agent(keys_of(files), dir.path());
  const std::string shown = run({"ssh-add", "-L"}, agent.path()).output;
  for (const auto& file : files) {
    const std::string line = util::read_file(file.string() + ".pub");
    CHECK(shown.find(line.substr(0, line.rfind(' '))) != std::string::npos);
  }
  // Nothing but listing and signing.
  CHECK_FALSE(run({"ssh-add", "-D"}, agent.path()).status.success());
  CHECK_FALSE(run({"ssh-add", files[0].string()}, agent.path()).status.success());
  CHECK_FALSE(run({"ssh-add", "-x"}, agent.path()).status.success());
  for (const auto& file : files) {
    CAPTURE(file.string());
    CHECK(signs(agent.path(), file, dir.path()));
  }
}

TEST_CASE("in front of another agent only listing and signing pass") {
  if (!have_ssh()) return;
  const test::TestDir dir;
  const std::filesystem::path key = dir / "key", other = dir / "other";
  for (const auto& path : {key, other}) REQUIRE(run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path.string()}).status.success());
  ops::SshAgent real(keys_of({key}), dir.path());
  ops::SshSource source;
  source.socket = real.path().string();
  const ops::SshAgent agent(std::move(source), dir.path());
  CHECK(run({"ssh-add", "-l"}, agent.path()).status.success());
  CHECK_FALSE(run({"ssh-add", other.string()}, agent.path()).status.success());
  CHECK(signs(agent.path(), key, dir.path()));
}

TEST_CASE("malformed and unknown requests get a failure, and the connection goes on") {
  const test::TestDir dir;
  const ops::SshAgent agent({}, dir.path());
  const util::Fd client = util::connect_unix(agent.path());
  for (const char* request : {"\x0d", "\x11", "\x13", "\xff", "\x0d\x01\x02"}) CHECK(exchange(client.get(), request) == kFailure);
  CHECK(exchange(client.get(), "\x0b") == std::string("\x0c\0\0\0\0", 5));
  CHECK(exchange(client.get(), util::SshWriter().byte(13).string("key").string("data").number(0).text()) == kFailure);
}

TEST_CASE("a length that no request has ends the connection, and an end in the middle does no harm") {
  const test::TestDir dir;
  const ops::SshAgent agent({}, dir.path());
  for (const std::string& bytes : {std::string("\xff\xff\xff\xff", 4), std::string(4, '\0')}) {
    const util::Fd client = util::connect_unix(agent.path());
    util::write_all(client.get(), bytes);
    CHECK(util::read_to_end(client.get()).empty());
  }
  const util::Fd client = util::connect_unix(agent.path());
  util::write_all(client.get(), std::string("\0\0\0\x05\x0b", 5));
  ::shutdown(client.get(), SHUT_WR);
  CHECK(util::read_to_end(client.get()).empty());
}

TEST_CASE("an agent that is gone closes connections, and one that waits for its user does not hold up the end") {
  const test::TestDir dir;
  ops::SshSource gone;
  gone.socket = dir / "gone";
  const ops::SshAgent without(std::move(gone), dir.path());
  const util::Fd client = util::connect_unix(without.path());
  CHECK(util::read_to_end(client.get()).empty());

  const util::Fd silent = util::listen_unix(dir / "silent");
  ops::SshSource source;
  source.socket = dir / "silent";
  const ops::SshAgent agent(std::move(source), dir.path());
  const util::Fd waiting = util::connect_unix(agent.path());
  util::write_all(waiting.get(), util::SshWriter().string("\x0b").text());
}
