#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace builder {

using Arguments = std::vector<std::string>;
/// What a command does with its arguments (what is no option). Returns the exit code; throws util::Error.
using Action = std::function<int(const Arguments& arguments)>;

/// How many arguments a command takes.
struct Arity {
  std::size_t least = 0;
  std::size_t most = std::numeric_limits<std::size_t>::max();
};

/// One command. Its options are defined only when it is asked for, so that a command costs nothing to all the others.
struct Command {
  std::vector<std::string> names;  ///< "images", "image ls": each of them works; the first one is shown in the overview
  std::string summary;             ///< one line
  std::string usage;               ///< what follows the name: "[OPTIONS] SOURCE TARGET"
  Arity arity;
  /// Adds the options to `app` and returns what to do once they are parsed; the action owns what the options write to.
  std::function<Action(CLI::App& app)> define;
};

/// A parsed command line, ready to be run.
struct Invocation {
  std::string name;  ///< "image ls", as it was typed; "" = help was asked for
  Action action;
  Arguments arguments;
  int run() const { return action(arguments); }
};

/// Finds the command among `commands` and parses its options. Looks at nothing but the arguments. Throws UsageError with a
/// suggestion for an unknown command or flag; help is an Invocation that prints it.
Invocation parse_command_line(std::span<const Command> commands, int argc, char** argv);

/// All commands of this program.
std::vector<Command> all_commands();

/// An option that may be given several times, each with one value.
CLI::Option* add_list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* help, const char* value);

/// Runs work that a signal stops: SIGINT and SIGTERM become a stop request, and exit code 130, 143 with `ERROR: WHAT interrupted`.
int run_interruptible(const char* what, const std::function<int(std::stop_token)>& work);

}  // namespace builder
