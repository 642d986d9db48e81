#include "tools/builder/cmd_build.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tools/builder/usage_error.h"

using builder::BuildOptions;

namespace {

builder::Invocation parse_line(std::vector<std::string> arguments, const builder::Command& command) {
  arguments.insert(arguments.begin(), "builder");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return builder::parse_command_line({&command, 1}, static_cast<int>(argv.size()), argv.data());
}

BuildOptions parse(std::vector<std::string> arguments) {
  BuildOptions parsed;
  const builder::Command command = builder::build_command([&](const BuildOptions& options) {
    parsed = options;
    return 0;
  });
  parse_line(std::move(arguments), command).run();
  return parsed;
}

std::string usage_error(std::vector<std::string> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const builder::UsageError& error) {
    return error.message();
  }
  return "no error";
}

}  // namespace

TEST_CASE("options work before and after the path, long and short, with blank and with '='") {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"build", "-t", "a:1", "--tag=b", "-f", "D", "."}, {"build", ".", "-t", "a:1", "--tag", "b", "--file=D"}}) {
    const BuildOptions line = parse(arguments);
    CHECK(line.context == ".");
    CHECK(line.tags == std::vector<std::string>{"a:1", "b"});
    CHECK(line.file == "D");
  }
}

TEST_CASE("a list option takes one value each time and leaves the path alone") {
  const BuildOptions line = parse({"build", "--build-arg", "A=1", "--build-arg", "B=x y", "--output", "type=oci,dest=x", "dir"});
  CHECK(line.build_args == std::vector<std::string>{"A=1", "B=x y"});
  CHECK(line.outputs == std::vector<std::string>{"type=oci,dest=x"});
  CHECK(line.context == "dir");
}

TEST_CASE("of an option that has one value the last one counts") {
  const BuildOptions line = parse({"build", "-f", "a", "--target=x", "-f", "b", "."});
  CHECK(line.file == "b");
  CHECK(line.target == "x");
}

TEST_CASE("standard input is a path") { CHECK(parse({"build", "-"}).context == "-"); }

TEST_CASE("--debug has a value only after '='") {
  CHECK(parse({"build", "--debug", "."}).debug == "log");
  CHECK(parse({"build", "--debug=stats,explain", "."}).debug == "stats,explain");
  CHECK(parse({"build", "."}).debug.empty());
}

TEST_CASE("booleans may be given a value") {
  CHECK(parse({"build", "--no-cache", "."}).no_cache);
  CHECK(parse({"build", "--no-cache=true", "."}).no_cache);
  CHECK_FALSE(parse({"build", "--no-cache=false", "."}).no_cache);
}

TEST_CASE("flags that mean nothing without a daemon are accepted") {
  CHECK(parse({"build", "--rm", "--force-rm", "--compress", "--builder", "x", "."}).context == ".");
}

TEST_CASE("a flag of buildx that is not there yet is named as such") {
  CHECK(usage_error({"build", "--cache-from", "x", "."}) ==
        "flag `--cache-from` of `docker buildx build`: not supported by this version of builder");
}

TEST_CASE("wrong command lines say what is wrong and suggest what was meant") {
  CHECK(usage_error({"build"}) == "`builder build` needs exactly one argument: the build context");
  CHECK(usage_error({"build", "a", "b"}) == "`builder build` takes exactly one PATH, and there is also `b`");
  CHECK(usage_error({"build", "--tagg=x", "."}) == "unknown flag: --tagg (did you mean --tag?)");
}

TEST_CASE("the classic builder's limits mean the same as --resource") {
  const BuildOptions line = parse({"build", "-m", "1g", "--memory-swap=-1", "-c", "512", "--cpu-period", "100000", "--cpu-quota=5000",
                                   "--cpuset-cpus", "0-1", "--cpuset-mems=0", "--resource", "memory=2g", "."});
  CHECK(line.resources == std::vector<std::string>{"memory=2g", "memory=1g", "memory-swap=-1", "cpu-shares=512", "cpu-period=100000",
                                                   "cpu-quota=5000", "cpuset-cpus=0-1", "cpuset-mems=0"});
}
