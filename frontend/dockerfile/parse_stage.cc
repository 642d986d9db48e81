#include <limits>

#include "frontend/dockerfile/flags.h"
#include "frontend/dockerfile/parse_instruction.h"
#include "frontend/dockerfile/unicode.h"
#include "util/error.h"
#include "util/text.h"

// FROM, ONBUILD and HEALTHCHECK: instructions that hold another instruction, or begin a list of them.
namespace dockerfile {

namespace {

constexpr std::int64_t kMinimumDuration = 1'000'000;

bool is_stage_name(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
}

std::int64_t parse_interval(std::string_view flag, const std::string& text) {
  if (text.empty()) return 0;
  std::optional<std::int64_t> duration = util::parse_duration(text);
  if (!duration) {
    throw util::Error("invalid duration " + util::quote(text) + " for --" + std::string(flag),
                      "give a number with a unit, such as 500ms, 30s or 1m30s");
  }
  if (*duration != 0 && *duration < kMinimumDuration) {
    throw util::Error("interval --" + std::string(flag) + " cannot be less than 1ms");
  }
  return *duration;
}

int parse_retries(const std::string& text) {
  if (text.empty()) return 0;
  bool negative = text[0] == '-';
  std::int64_t value = 0;
  std::size_t first = negative || text[0] == '+' ? 1 : 0;
  bool valid = first < text.size();
  for (std::size_t i = first; valid && i < text.size(); ++i) {
    valid = text[i] >= '0' && text[i] <= '9';
    value = value * 10 + (text[i] - '0');
    valid = valid && value <= std::numeric_limits<std::int32_t>::max();
  }
  if (!valid) throw util::Error("invalid number " + util::quote(text) + " for --retries");
  if (negative && value > 0) throw util::Error("--retries cannot be negative (" + text + ")");
  return static_cast<int>(value);
}

}  // namespace

InstructionValue parse_from(const SyntaxNode& node) {
  FromInstruction from;
  if (node.args.size() == 3 && util::equal_ignoring_case(node.args[1], "as")) {
    from.as_text = node.args[1];
    from.stage_name_text = node.args[2];
    from.stage_name = util::to_lower(node.args[2]);
    if (!is_stage_name(from.stage_name)) {
      throw util::Error("invalid name for build stage: " + util::quote(from.stage_name_text) +
                            ", name can't start with a number or contain symbols",
                        "a name begins with a letter; letters, digits, '-', '_' and '.' follow");
    }
  } else if (node.args.size() != 1) {
    throw util::Error("FROM requires either one or three arguments", "write FROM image, or FROM image AS stage");
  }
  from.base = node.args[0];
  FlagSet().text("platform", from.platform).parse(node.flags);
  return from;
}

InstructionValue parse_onbuild(const SyntaxNode& node) {
  if (node.trigger.empty()) throw util::Error("ONBUILD requires at least one argument");
  FlagSet().parse(node.flags);
  std::string name = util::to_upper(node.trigger[0].name);
  if (name == "ONBUILD") throw util::Error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name == "FROM" || name == "MAINTAINER") throw util::Error(name + " isn't allowed as an ONBUILD trigger");
  // The name may be followed by line continuations that left no blank behind; the trigger begins right after it.
  std::string_view rest = unicode::trim(node.original).substr(node.name.size());
  OnbuildInstruction onbuild;
  onbuild.expression = unicode::trim_left(rest);
  for (const Heredoc& heredoc : node.heredocs) onbuild.expression += "\n" + heredoc.content + heredoc.name;
  return onbuild;
}

InstructionValue parse_healthcheck(const SyntaxNode& node) {
  if (node.args.empty()) throw util::Error("HEALTHCHECK requires at least one argument");
  HealthcheckInstruction check;
  std::string kind = util::to_upper(node.args[0]);
  if (kind == "NONE") {
    if (node.args.size() > 1) throw util::Error("HEALTHCHECK NONE takes no arguments");
    check.none = true;
    return check;
  }
  std::string interval, timeout, start_period, start_interval, retries;
  FlagSet()
      .text("interval", interval)
      .text("timeout", timeout)
      .text("start-period", start_period)
      .text("start-interval", start_interval)
      .text("retries", retries)
      .parse(node.flags);
  if (kind != "CMD") {
    throw util::Error("unknown type " + util::quote(kind) + " in HEALTHCHECK (try CMD)",
                      "write HEALTHCHECK CMD and then the command, or HEALTHCHECK NONE");
  }
  if (node.args.size() < 2) throw util::Error("missing command after HEALTHCHECK CMD");
  check.command.exec_form = node.json;
  check.command.args.assign(node.args.begin() + 1, node.args.end());
  check.interval = parse_interval("interval", interval);
  check.timeout = parse_interval("timeout", timeout);
  check.start_period = parse_interval("start-period", start_period);
  check.start_interval = parse_interval("start-interval", start_interval);
  check.retries = parse_retries(retries);
  return check;
}

}  // namespace dockerfile
