#include "tools/images/login.h"

#include <doctest/doctest.h>

#include "tools/images/image_services.h"

TEST_CASE("the registry's host of what is typed at login") {
  using builder::registry_host;
  CHECK(registry_host("") == "docker.io");
  CHECK(registry_host("index.docker.io") == "docker.io");
  CHECK(registry_host("https://index.docker.io/v1/") == "docker.io");
  CHECK(registry_host("https://localhost:5000/v2/") == "localhost:5000");
  CHECK(registry_host("http://reg.example") == "reg.example");
  CHECK(registry_host("ghcr.io/me/app") == "ghcr.io");
}

TEST_CASE("does an image name have a tag or digest?") {
  using builder::has_tag_or_digest;
  CHECK_FALSE(has_tag_or_digest("debian"));
  CHECK_FALSE(has_tag_or_digest("localhost:5000/me/app"));
  CHECK(has_tag_or_digest("debian:12"));
  CHECK(has_tag_or_digest("localhost:5000/me/app:1"));
  CHECK(has_tag_or_digest("me/app@sha256:0"));
}
