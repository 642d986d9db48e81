#include "tools/builder/command.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tools/builder/usage_error.h"

using builder::Arguments;
using builder::Command;

namespace {

struct Seen {
  bool all = false;
  Arguments arguments;
};

/// "list" = "thing ls", and "thing name A B".
std::vector<Command> commands(Seen& seen) {
  const auto list = [&seen](CLI::App& app) -> builder::Action {
    const auto all = std::make_shared<bool>(false);
    app.add_flag("-a,--all", *all, "Show all");
    const auto text = std::make_shared<std::string>();
    app.add_flag("--kind{any}", *text, "Show kinds");
    app.add_option("-n,--count,--lines", *text, "How many")->type_name("N");
    return [&seen, all, text](const Arguments& arguments) {
      seen = {*all, arguments};
      return 3;
    };
  };
  const auto name = [&seen](CLI::App&) -> builder::Action {
    return [&seen](const Arguments& arguments) {
      seen = {false, arguments};
      return 0;
    };
  };
  return {{{"list", "thing ls"}, "List things", "[OPTIONS] [NAME...]", {}, list}, {{"thing name"}, "Name a thing", "A B", {2, 2}, name}};
}

builder::Invocation parse(std::vector<std::string> arguments, Seen& seen) {
  arguments.insert(arguments.begin(), "builder");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const std::vector<Command> known = commands(seen);
  return builder::parse_command_line(known, static_cast<int>(argv.size()), argv.data());
}

std::string usage_error(std::vector<std::string> arguments) {
  Seen seen;
  try {
    parse(std::move(arguments), seen);
  } catch (const builder::UsageError& error) {
    return error.message();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a command is found under each of its names, options stand anywhere") {
  for (const std::vector<std::string>& line : {std::vector<std::string>{"list", "-a", "x", "y"}, {"thing", "ls", "x", "--all", "y"}, {"list", "x", "y", "--all=true"}}) {
    Seen seen;
    CHECK(parse(line, seen).run() == 3);
    CHECK(seen.all);
    CHECK(seen.arguments == Arguments{"x", "y"});
  }
}

TEST_CASE("a short name takes its value after an equals sign, too") {
  Seen seen;
  parse({"list", "-a=true", "x"}, seen).run();
  CHECK(seen.all);
  parse({"list", "-a=false"}, seen).run();
  CHECK_FALSE(seen.all);
  CHECK(usage_error({"list", "-z=1"}).starts_with("unknown flag: -z"));
}

TEST_CASE("what follows -- is no option") {
  Seen seen;
  parse({"list", "--", "-a"}, seen).run();
  CHECK_FALSE(seen.all);
  CHECK(seen.arguments == Arguments{"-a"});
}

TEST_CASE("a single - is an argument") {
  Seen seen;
  parse({"thing", "name", "-", "b"}, seen).run();
  CHECK(seen.arguments == Arguments{"-", "b"});
}

TEST_CASE("wrong command lines say what is wrong and suggest what was meant") {
  CHECK(usage_error({"lits"}) == "`lits` is not a command of builder (did you mean list?)");
  CHECK(usage_error({"thing", "nmae"}) == "`nmae` is not a command of `builder thing` (did you mean name?)");
  CHECK(usage_error({"--bogus"}) == "unknown flag: --bogus");
  CHECK(usage_error({"list", "--al"}) == "unknown flag: --al (did you mean --all?)");
  CHECK(usage_error({"help", "bogus"}) == "`bogus` is not a command of builder");
  CHECK(usage_error({"thing", "name", "a"}) == "`builder thing name` takes exactly 2 arguments, not 1");
}

TEST_CASE("help is there for the program, for groups and for every command") {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{}, {"--help"}, {"help"}, {"thing"}, {"thing", "--help"}, {"list", "--help"}, {"help", "thing", "ls"}}) {
    Seen seen;
    CHECK(parse(line, seen).name.empty());
    CHECK(seen.arguments.empty());
  }
}

TEST_CASE("help names the options as docker does") {
  Seen seen;
  std::ostringstream text;
  std::streambuf* const before = std::cout.rdbuf(text.rdbuf());
  (void)parse({"list", "--help"}, seen).run();
  std::cout.rdbuf(before);
  const std::string help = text.str();
  CAPTURE(help);
  CHECK(help.find("\n  -a, --all ") != std::string::npos);
  CHECK(help.find("\n      --kind ") != std::string::npos);
  CHECK(help.find("\n  -n, --count, --lines N ") != std::string::npos);
  CHECK(help.find("\n  -h, --help ") != std::string::npos);
  CHECK(help.find('{') == std::string::npos);
}
