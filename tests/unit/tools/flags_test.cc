#include "tools/builder/flags.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using builder::CommandLine;
using Command = CommandLine::Command;

namespace {

CommandLine parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "builder");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return builder::parse_command_line(static_cast<int>(argv.size()), argv.data());
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
    const CommandLine line = parse(arguments);
    CHECK(line.command == Command::build);
    CHECK(line.build.context == ".");
    CHECK(line.build.tags == std::vector<std::string>{"a:1", "b"});
    CHECK(line.build.file == "D");
  }
}

TEST_CASE("a list option takes one value each time and leaves the path alone") {
  const CommandLine line = parse({"build", "--build-arg", "A=1", "--build-arg", "B=x y", "--output", "type=oci,dest=x", "dir"});
  CHECK(line.build.build_args == std::vector<std::string>{"A=1", "B=x y"});
  CHECK(line.build.outputs == std::vector<std::string>{"type=oci,dest=x"});
  CHECK(line.build.context == "dir");
}

TEST_CASE("standard input is a path") { CHECK(parse({"build", "-"}).build.context == "-"); }

TEST_CASE("--debug has a value only after '='") {
  CHECK(parse({"build", "--debug", "."}).build.debug == "log");
  CHECK(parse({"build", "--debug=stats,explain", "."}).build.debug == "stats,explain");
  CHECK(parse({"build", "."}).build.debug.empty());
}

TEST_CASE("booleans may be given a value") {
  CHECK(parse({"build", "--no-cache", "."}).build.no_cache);
  CHECK(parse({"build", "--no-cache=true", "."}).build.no_cache);
  CHECK_FALSE(parse({"build", "--no-cache=false", "."}).build.no_cache);
}

TEST_CASE("flags that mean nothing without a daemon are accepted") {
  CHECK(parse({"build", "--rm", "--force-rm", "--compress", "--builder", "x", "."}).build.context == ".");
}

TEST_CASE("a flag of buildx that is not there yet is named as such") {
  CHECK(usage_error({"build", "--cache-from", "x", "."}) ==
        "flag `--cache-from` of `docker buildx build`: not supported by this version of builder");
}

TEST_CASE("wrong command lines say what is wrong and suggest what was meant") {
  CHECK(usage_error({"build"}) == "`builder build` needs exactly one argument: the build context");
  CHECK(usage_error({"build", "a", "b"}) == "`builder build` takes exactly one PATH, and there is also `b`");
  CHECK(usage_error({"build", "--tagg=x", "."}) == "unknown flag: --tagg (did you mean --tag?)");
  CHECK(usage_error({"buidl", "."}) == "`buidl` is not a command of builder (did you mean build?)");
  CHECK(usage_error({"--bogus"}) == "unknown flag: --bogus");
  CHECK(usage_error({"help", "nothing"}) == "`nothing` is not a command of builder");
}

TEST_CASE("help is there for the program and for every command") {
  CHECK(parse({}).text.find("Subcommands") != std::string::npos);
  CHECK(parse({"--help"}).text.find("Subcommands") != std::string::npos);
  CHECK(parse({"build", "--help"}).text.find("Usage: builder build") != std::string::npos);
  CHECK(parse({"help", "build"}).text.find("Usage: builder build") != std::string::npos);
  CHECK(parse({"version"}).command == Command::version);
}
