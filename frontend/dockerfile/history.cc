#include "frontend/dockerfile/history.h"

#include <fmt/format.h>

#include <unordered_set>

#include "util/text.h"

namespace dockerfile {
namespace {

constexpr std::string_view kComment = "buildkit.dockerfile.v0";
constexpr std::string_view kLayerSuffix = " # buildkit";

}  // namespace

oci::HistoryEntry history_entry(std::string created_by, bool has_layer) {
  oci::HistoryEntry entry;
  entry.created_by = std::move(created_by);
  entry.comment = kComment;
  entry.empty_layer = !has_layer;
  return entry;
}

std::string run_history(const std::vector<std::string>& argv, const std::vector<BuildArg>& args,
                        const Environment& environment) {
  std::vector<std::string> assignments;
  std::unordered_set<std::string> seen;
  for (const BuildArg& arg : args) {
    if (!seen.insert(arg.name).second) continue;
    assignments.push_back(arg.name + "=" + environment.find(arg.name).value_or(""));
  }
  std::string text = "RUN ";
  if (!assignments.empty()) text += fmt::format("|{} {} ", assignments.size(), util::join(assignments, " "));
  return text + util::join(argv, " ") + std::string(kLayerSuffix);
}

std::string copy_history(const CopyInstruction& copy) {
  std::string text = copy.is_add ? "ADD" : "COPY";
  if (copy.parents) text += " --parents";
  if (!copy.chown.empty()) text += " --chown=" + copy.chown;
  if (!copy.chmod.empty()) text += " --chmod=" + copy.chmod;
  for (const std::string& source : copy.sources) text += " " + source;
  for (const Heredoc& heredoc : copy.heredocs) text += " <<" + heredoc.name;
  return text + " " + copy.destination + std::string(kLayerSuffix);
}

std::string pairs_history(const std::string& instruction,
                          const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string text = instruction;
  for (const auto& [name, value] : pairs) text += " " + name + "=" + value;
  return text;
}

std::string command_history(const std::string& instruction, const std::vector<std::string>& argv) {
  std::vector<std::string> quoted;
  for (const std::string& arg : argv) quoted.push_back(util::quote(arg));
  return list_history(instruction, quoted);
}

std::string list_history(const std::string& instruction, const std::vector<std::string>& words) {
  return instruction + " [" + util::join(words, " ") + "]";
}

std::string healthcheck_history(const oci::Healthcheck& check) {
  return fmt::format("HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
                     util::join(check.test, " "), util::format_duration(check.interval),
                     util::format_duration(check.timeout), util::format_duration(check.start_period),
                     util::format_duration(check.start_interval), check.retries);
}

}  // namespace dockerfile
