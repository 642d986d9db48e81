#include "solver/ops/secret_store.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/support/test_dir.h"
#include "util/error.h"

TEST_CASE("secrets are read from files and from the environment") {
  const test::TestDir dir;
  dir.write("key", std::string("a\0b", 3));
  setenv("BUILDER_TEST_SECRET", "from env", 1);
  ops::SecretStore secrets;
  secrets.add("file", {false, dir / "key"});
  secrets.add("env", {true, "BUILDER_TEST_SECRET"});
  CHECK(secrets.value("file") == std::string("a\0b", 3));
  CHECK(secrets.value("env") == "from env");
  CHECK_FALSE(secrets.value("other"));
}

TEST_CASE("a secret that cannot be read is named, its value never") {
  const test::TestDir dir;
  dir.write("large", std::string((500 << 10) + 1, 'x'));
  dir.write("largest", std::string(500 << 10, 'x'));
  ops::SecretStore secrets;
  secrets.add("gone", {false, dir / "gone"});
  secrets.add("large", {false, dir / "large"});
  secrets.add("largest", {false, dir / "largest"});
  secrets.add("unset", {true, "BUILDER_TEST_NO_SUCH_VARIABLE"});
  CHECK_THROWS_AS(secrets.value("gone"), util::Error);
  CHECK_THROWS_WITH_AS(secrets.value("large"), "read secret `large`: it is larger than 500 KiB", util::Error);
  CHECK(secrets.value("largest")->size() == 500 << 10);
  CHECK_THROWS_AS(secrets.value("unset"), util::Error);
}

TEST_CASE("ssh sockets are known by their ids") {
  ops::SecretStore secrets;
  secrets.add_ssh("default", "/run/agent");
  CHECK(secrets.ssh_socket("default") == "/run/agent");
  CHECK_FALSE(secrets.ssh_socket("other"));
}
