#include "tools/builder/run_options.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

#include "tests/support/test_dir.h"
#include "tools/builder/usage_error.h"
#include "util/unix_socket.h"

using builder::BuildOptions;

namespace {

executor::ResourceLimits limits(std::vector<std::string> flags) {
  BuildOptions options;
  options.resources = std::move(flags);
  return builder::make_resource_limits(options);
}

std::string secret_error(const std::string& text) {
  BuildOptions options;
  options.secrets = {text};
  try {
    builder::make_secret_store(options);
  } catch (const builder::UsageError& error) {
    return error.message();
  }
  return "no error";
}

std::string ssh_error(std::vector<std::string> flags) {
  BuildOptions options;
  options.ssh = std::move(flags);
  try {
    builder::make_secret_store(options);
  } catch (const util::Error& error) {
    return error.message();
  }
  return "no error";
}

}  // namespace

TEST_CASE("resources are limits of a cgroup, several in one flag too") {
  const auto one = limits({"memory=512m,cpu-quota=50000", "cpu-period=100000", "cpu-shares=512"});
  CHECK(one.memory == 512u << 20);
  CHECK(one.cpu_quota == 50000);
  CHECK(one.cpu_period == 100000);
  CHECK(one.cpu_shares == 512);
  CHECK_FALSE(one.memory_swap);
  const auto sets = limits({"cpuset-cpus=0,2-3,cpuset-mems=0", "memory=1g", "memory-swap=-1", "cpu-quota=-1"});
  CHECK(sets.cpuset_cpus == "0,2-3");
  CHECK(sets.cpuset_mems == "0");
  CHECK(sets.memory_swap == std::numeric_limits<std::uint64_t>::max());
  CHECK(sets.cpu_quota == -1);
  CHECK_FALSE(limits({}).any_cgroup());
}

TEST_CASE("what is no limit is refused") {
  CHECK_THROWS_WITH_AS(limits({"memory"}), "--resource `memory`: must be NAME=VALUE", builder::UsageError);
  CHECK_THROWS_WITH_AS(limits({"memry=1"}), "--resource `memry=1`: unknown resource (did you mean memory?)", builder::UsageError);
  CHECK_THROWS_WITH_AS(limits({"memory=much"}), "--resource `memory=much`: not a size", builder::UsageError);
  CHECK_THROWS_WITH_AS(limits({"cpu-period=10"}), "--resource `cpu-period=10`: must be a whole number, 1000 or more", builder::UsageError);
  CHECK_THROWS_AS(limits({"cpu-shares=-5"}), builder::UsageError);
  CHECK_THROWS_AS(limits({"cpuset-cpus=a"}), builder::UsageError);
  CHECK_THROWS_AS(limits({"memory-swap=1g"}), builder::UsageError);
  CHECK_THROWS_AS(limits({"memory=1g,memory-swap=512m"}), builder::UsageError);
}

TEST_CASE("the kind of a secret can be said, or is guessed") {
  const test::TestDir dir;
  dir.write("file", "from file");
  setenv("BUILDER_TEST_RUN_SECRET", "from env", 1);
  BuildOptions options;
  options.secrets = {"id=a,src=" + (dir / "file").string(), "id=b,env=BUILDER_TEST_RUN_SECRET", "id=BUILDER_TEST_RUN_SECRET",
                     "type=env,id=BUILDER_TEST_RUN_SECRET", "type=file,id=c,source=" + (dir / "file").string(),
                     "id=d,src=/nowhere", "id=d,src=" + (dir / "file").string()};
  const ops::SecretStore store = builder::make_secret_store(options);
  CHECK(store.value("a") == "from file");
  CHECK(store.value("b") == "from env");
  CHECK(store.value("BUILDER_TEST_RUN_SECRET") == "from env");
  CHECK(store.value("c") == "from file");
  CHECK(store.value("d") == "from file");  // the last one with an id counts
  CHECK(secret_error("src=x") == "--secret `src=x`: the id is missing");
  CHECK(secret_error("id=x,type=vault") == "--secret `id=x,type=vault`: unsupported type `vault`");
  CHECK(secret_error("id=x,color=red") == "--secret `id=x,color=red`: `color=red` is not understood");
  CHECK(secret_error("id=x,type=file,env=A") == "--secret `id=x,type=file,env=A`: type=file and env= exclude each other");
}

TEST_CASE("--ssh takes a socket or keys") {
  const test::TestDir dir;
  const std::string socket = dir / "socket", text = dir / "text";
  const util::Fd listener = util::listen_unix(socket);
  dir.write("text", "no key");
  BuildOptions options;
  options.ssh = {"default=" + socket, "other=" + socket};
  const ops::SecretStore store = builder::make_secret_store(options);
  // Never the socket itself: it takes more than lists and signatures.
  REQUIRE(store.ssh_socket("default"));
  CHECK(*store.ssh_socket("default") != socket);
  CHECK(store.ssh_socket("other") != store.ssh_socket("default"));

  CHECK(ssh_error({"a=/nowhere"}) == "--ssh `a=/nowhere`: `/nowhere` does not exist");
  CHECK(ssh_error({"a=" + socket + "," + socket}) == "--ssh `a=" + socket + "," + socket + "`: an agent's socket stands alone");
  CHECK(ssh_error({"a=" + dir.path().string()}) == "--ssh `a=" + dir.path().string() + "`: `" + dir.path().string() + "` is neither a socket nor a key file");
  CHECK(ssh_error({"a=" + text}) == "ssh key `" + text + "`: it is no private key in PEM or OpenSSH format");
  CHECK(ssh_error({"=x"}) == "--ssh `=x`: the id is missing");
  CHECK(ssh_error({"a=" + socket, "a=" + socket}) == "--ssh `a=" + socket + "`: the id `a` comes twice");
  unsetenv("SSH_AUTH_SOCK");
  CHECK(ssh_error({"default"}) == "--ssh `default`: no agent is running (SSH_AUTH_SOCK is not set)");
}

TEST_CASE("devices are allowed all, or by name") {
  BuildOptions options;
  options.allow = {"network.host", "device=v.com/d=a", "device=class"};
  const ops::DevicePolicy some = builder::make_device_policy(options);
  CHECK_FALSE(some.all);
  CHECK(some.names == std::vector<std::string>{"v.com/d=a", "class"});
  options.allow = {"device"};
  CHECK(builder::make_device_policy(options).all);
}
