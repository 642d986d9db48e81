#include "tools/builder/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "tools/builder/interrupt.h"
#include "tools/builder/usage_error.h"
#include "util/error.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr const char* kAbout = "builder makes container images from Dockerfiles: no daemon, no container runtime, no root needed.";

/// "Usage: builder tag [OPTIONS] SOURCE TARGET".
class UsageFormatter final : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) { column_width(34); }
  std::string make_usage(const CLI::App*, std::string name) const override { return "Usage: " + name + " " + usage_ + "\n"; }
  /// "-t, --tag", and a long name alone below the long ones, as docker has it.
  std::string make_option_name(const CLI::Option* option, bool) const override {
    std::vector<std::string> names;
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    return (option->get_snames().empty() ? "    " : "") + util::join(names, ", ");
  }

 private:
  std::string usage_;
};

Invocation print(std::string text) {
  return {"", [text = std::move(text)](const Arguments&) {
            std::cout << text;
            return 0;
          }, {}};
}

std::string list_of(std::span<const Command> commands, const std::string& group) {
  std::vector<std::pair<std::string, std::string>> rows;
  std::vector<std::string> groups;
  for (const Command& command : commands) {
    for (const std::string& name : command.names) {
      const std::size_t blank = name.find(' ');
      if (!group.empty()) {
        if (name.substr(0, blank) == group && blank != std::string::npos) rows.emplace_back(name.substr(blank + 1), command.summary);
      } else if (blank == std::string::npos) {
        rows.emplace_back(name, command.summary);
        break;
      } else if (&name == &command.names.front() && std::ranges::find(groups, name.substr(0, blank)) == groups.end()) {
        groups.push_back(name.substr(0, blank));
      }
    }
  }
  std::string text;
  for (const auto& [name, summary] : rows) text += fmt::format("  {:<12} {}\n", name, summary);
  for (const std::string& name : groups) text += fmt::format("  {:<12} more: see `builder {} --help`\n", name, name);
  return text;
}

std::string overview(std::span<const Command> commands, const std::string& group) {
  const std::string program = group.empty() ? "builder" : "builder " + group;
  return fmt::format("{}\nUsage: {} COMMAND\n\nCommands:\n{}\nRun `{} COMMAND --help` for more about a command.\n", kAbout, program,
                     list_of(commands, group), program);
}

const Command* find_command(std::span<const Command> commands, const std::string& name) {
  for (const Command& command : commands) {
    if (std::ranges::find(command.names, name) != command.names.end()) return &command;
  }
  return nullptr;
}

bool is_group(std::span<const Command> commands, const std::string& word) {
  for (const Command& command : commands) {
    for (const std::string& name : command.names) {
      if (name.starts_with(word + " ")) return true;
    }
  }
  return false;
}

UsageError unknown_command(std::span<const Command> commands, const std::string& word, const std::string& group) {
  const std::string help = fmt::format("see `builder {}--help`", group.empty() ? "" : group + " ");
  if (word.starts_with('-')) return UsageError(fmt::format("unknown flag: {}", word), help);
  std::vector<std::string> known;
  for (const Command& command : commands) {
    for (const std::string& name : command.names) {
      const std::size_t blank = name.find(' ');
      if (group.empty()) {
        known.push_back(name.substr(0, blank));
      } else if (name.substr(0, blank) == group && blank != std::string::npos) {
        known.push_back(name.substr(blank + 1));
      }
    }
  }
  const auto near = util::suggest(word, known);
  const std::string of = group.empty() ? "builder" : "`builder " + group + "`";
  return UsageError(fmt::format("`{}` is not a command of {}{}", word, of, near ? " (did you mean " + *near + "?)" : ""), help);
}

UsageError unknown_flag(const CLI::App& app, const std::string& word, const std::string& name) {
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& candidate : option->get_lnames()) known.push_back("--" + candidate);
  }
  const auto near = util::suggest(flag, known);
  return UsageError(fmt::format("unknown flag: {}{}", flag, near ? " (did you mean " + *near + "?)" : ""),
                    fmt::format("see `builder {} --help`", name));
}

void check_arity(const Command& command, const std::string& name, std::size_t count) {
  const auto [least, most] = command.arity;
  if (count >= least && count <= most) return;
  const std::size_t bound = count < least ? least : most;
  const char* kind = least == most ? "exactly" : count < least ? "at least" : "at most";
  const std::string wanted = most == 0 ? "no arguments" : fmt::format("{} {} argument{}", kind, bound, bound == 1 ? "" : "s");
  throw UsageError(fmt::format("`builder {}` takes {}, not {}", name, wanted, count),
                   fmt::format("usage: builder {} {}", name, command.usage));
}

/// `-H=false` and `-t=name`, as docker has it, in the long form that CLI11 understands.
std::string with_long_name(const CLI::App& app, const std::string& word) {
  if (word.size() < 3 || word[0] != '-' || word[1] == '-' || word[2] != '=') return word;
  for (const CLI::Option* option : app.get_options()) {
    const bool fits = std::ranges::find(option->get_snames(), std::string(1, word[1])) != option->get_snames().end();
    if (fits && !option->get_lnames().empty()) return "--" + option->get_lnames().front() + word.substr(2);
  }
  return word;
}

/// `words`: what follows the command's name.
Invocation parse_options(const Command& command, const std::string& name, std::vector<std::string> words) {
  CLI::App app(command.summary, "builder " + name);
  app.formatter(std::make_shared<UsageFormatter>(command.usage));
  app.allow_extras();
  Invocation invocation{name, command.define(app), {}};
  for (CLI::Option* option : app.get_options()) {
    if (option->get_expected_max() == 1 && option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw) option->take_last();
  }
  app.add_option("ARGUMENTS", invocation.arguments)->group("");
  for (std::string& word : words) {
    if (word == "--") break;
    word = with_long_name(app, word);
  }
  std::ranges::reverse(words);  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what(), fmt::format("see `builder {} --help`", name));
  }
  for (const std::string& word : app.remaining()) {
    if (word != "--") throw unknown_flag(app, word, name);
  }
  check_arity(command, name, invocation.arguments.size());
  return invocation;
}

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h" || word == "help"; }

}  // namespace

Invocation parse_command_line(std::span<const Command> commands, int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words[0] == "help" && words.size() > 1) {  // `help image ls` is `image ls --help`
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  if (words.empty() || asks_for_help(words[0])) return print(overview(commands, ""));
  if (words[0] == "--version" || words[0] == "-v") words[0] = "version";

  std::string name = words[0];
  std::size_t used = 1;
  if (is_group(commands, name)) {
    if (words.size() < 2 || asks_for_help(words[1])) return print(overview(commands, name));
    name += " " + words[1];
    used = 2;
  }
  const Command* command = find_command(commands, name);
  if (command == nullptr) throw unknown_command(commands, words[used - 1], used == 2 ? words[0] : "");
  return parse_options(*command, name, {words.begin() + static_cast<std::ptrdiff_t>(used), words.end()});
}

CLI::Option* add_list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* help, const char* value) {
  return app.add_option(names, into, help)->type_name(value)->expected(1)->allow_extra_args(false)->take_all();
}

int run_interruptible(const char* what, const std::function<int(std::stop_token)>& work) {
  const Interrupt interrupt;
  try {
    return work(interrupt.token());
  } catch (const util::Error&) {
    if (interrupt.signal() == 0) throw;
    std::cerr << fmt::format("ERROR: {} interrupted\n", what);
    return 128 + interrupt.signal();
  }
}

}  // namespace builder
