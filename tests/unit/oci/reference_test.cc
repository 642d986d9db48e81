#include "oci/reference.h"

#include <doctest/doctest.h>

#include "util/error.h"

using oci::Reference;

namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string full(const std::string& text) {
  return Reference::parse(text).to_string();
}

std::string refusal(const std::string& text) {
  try {
    Reference::parse(text);
  } catch (const util::Error& error) {
    return error.message();
  }
  return "accepted";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("names are completed as docker does") {
  CHECK(full("debian") == "docker.io/library/debian:latest");
  CHECK(full("debian:bookworm") == "docker.io/library/debian:bookworm");
  CHECK(full("user/app") == "docker.io/user/app:latest");
  CHECK(full("docker.io/debian") == "docker.io/library/debian:latest");
  CHECK(full("index.docker.io/a/b:1") == "docker.io/a/b:1");
  CHECK(full("localhost/app") == "localhost/app:latest");
  CHECK(full("localhost:5000/app:v1") == "localhost:5000/app:v1");
  CHECK(full("ghcr.io/a/b/c") == "ghcr.io/a/b/c:latest");
  CHECK(full("HOST/app") == "HOST/app:latest");
  CHECK(full("[::1]:5000/app") == "[::1]:5000/app:latest");
  CHECK(full("a__b/c--d.e") == "docker.io/a__b/c--d.e:latest");
  CHECK(full("debian@" + kDigest) == "docker.io/library/debian@" + kDigest);
  CHECK(full("debian:12@" + kDigest) == "docker.io/library/debian:12@" + kDigest);
}

TEST_CASE("a name is shown as people write it") {
  CHECK(Reference::parse("docker.io/library/debian:12").familiar() == "debian:12");
  CHECK(Reference::parse("docker.io/user/app").familiar() == "user/app:latest");
  CHECK(Reference::parse("ghcr.io/a/b:1").familiar() == "ghcr.io/a/b:1");
  CHECK(Reference::parse("library/a/b").familiar() == "library/a/b:latest");
  CHECK(Reference::parse("docker.io/a.b/c").familiar() == "docker.io/a.b/c:latest");
  CHECK(Reference::parse("docker.io/localhost/c").familiar() == "docker.io/localhost/c:latest");
  CHECK(Reference::parse("docker.io/a.b").familiar() == "a.b:latest");
  CHECK(Reference::parse("debian@" + kDigest).familiar() == "debian@" + kDigest);
}

TEST_CASE("a name that breaks a rule is refused with that rule") {
  CHECK(mentions(refusal("Debian"), "repository name must be lowercase"));
  CHECK(mentions(refusal("ghcr.io/User/app"), "repository name must be lowercase"));
  CHECK(mentions(refusal(std::string(64, 'b')), "64 hexadecimal digits"));
  CHECK(mentions(refusal("debian:"), "tag is empty"));
  CHECK(mentions(refusal("debian:-x"), "invalid tag"));
  CHECK(mentions(refusal("debian:" + std::string(129, 'x')), "invalid tag"));
  CHECK(mentions(refusal("debian@sha256:abc"), "is not a digest"));
  CHECK(mentions(refusal("a/" + std::string(255, 'x')), "255 characters"));
  CHECK(mentions(refusal("-host.io/app"), "invalid registry host"));
  for (const char* text : {"", "/", "a//b", "-a", "a-", "a..b", "a b", "a/", "$IMAGE", "http://x/y", "a\nb", "\xff"}) {
    CAPTURE(text);
    CHECK(mentions(refusal(text), "invalid reference format"));
  }
  CHECK(full("debian:" + std::string(128, 'x')).size() > 128);
}
