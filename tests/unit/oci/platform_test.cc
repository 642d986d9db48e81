#include "oci/platform.h"

#include <doctest/doctest.h>

#include "util/error.h"

using oci::match_score;
using oci::Platform;

namespace {
std::string parsed(std::string_view text) {
  return Platform::parse(text).to_string();
}
}  // namespace

TEST_CASE("platforms are read with containerd's spellings") {
  CHECK(parsed("linux/amd64") == "linux/amd64");
  CHECK(parsed("linux/x86_64") == "linux/amd64");
  CHECK(parsed("Linux/X86-64/v1") == "linux/amd64");
  CHECK(parsed("linux/amd64/v3") == "linux/amd64/v3");
  CHECK(parsed("linux/aarch64") == "linux/arm64");
  CHECK(parsed("linux/arm64/v8") == "linux/arm64");
  CHECK(parsed("linux/arm") == "linux/arm/v7");
  CHECK(parsed("linux/armhf") == "linux/arm/v7");
  CHECK(parsed("linux/armel") == "linux/arm/v6");
  CHECK(parsed("linux/arm/5") == "linux/arm/v5");
  CHECK(parsed("linux/i386") == "linux/386");
  CHECK(parsed("macos/arm64") == "darwin/arm64");
  CHECK(parsed("local") == Platform::local().to_string());
  CHECK(parsed("arm64") == Platform::local().os + "/arm64");
  CHECK(parsed("linux") == Platform::local().to_string());
  Platform windows = Platform::parse("windows(10.0.17763)/amd64");
  CHECK(windows.os == "windows");
  CHECK(windows.os_version == "10.0.17763");
}

TEST_CASE("what is no platform is refused") {
  for (std::string_view text :
       {"", "linux/", "/amd64", "a/b/c/d", "linux/*", "linux/am d64", "gibberish", "lin\xffux/amd64"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Platform::parse(text), util::Error);
  }
}

TEST_CASE("the nearest platform a machine can run scores highest") {
  Platform v7 = Platform::parse("linux/arm/v7");
  CHECK(match_score(v7, v7) > match_score(v7, Platform::parse("linux/arm/v6")));
  CHECK(match_score(v7, Platform::parse("linux/arm/v6")) > match_score(v7, Platform::parse("linux/arm/v5")));
  CHECK(match_score(v7, Platform::parse("linux/arm/v5")) > 0);
  CHECK(match_score(v7, Platform::parse("linux/arm/v8")) == 0);
  CHECK(match_score(Platform::parse("linux/arm64"), v7) > 0);
  CHECK(match_score(v7, Platform::parse("linux/arm64")) == 0);
  Platform amd64 = Platform::parse("linux/amd64");
  CHECK(match_score(amd64, Platform{"linux", "x86_64", "", ""}) == match_score(amd64, amd64));
  CHECK(match_score(amd64, Platform::parse("linux/amd64/v2")) == 0);
  CHECK(match_score(Platform::parse("linux/amd64/v3"), amd64) > 0);
  CHECK(match_score(amd64, Platform::parse("windows/amd64")) == 0);
  CHECK(match_score(amd64, Platform::parse("linux/386")) > 0);
}

TEST_CASE("a windows image fits only its own build") {
  Platform wanted = Platform::parse("windows(10.0.17763.1)/amd64");
  CHECK(match_score(wanted, Platform::parse("windows(10.0.17763.99)/amd64")) > 0);
  CHECK(match_score(wanted, Platform::parse("windows(10.0.20348.1)/amd64")) == 0);
}
