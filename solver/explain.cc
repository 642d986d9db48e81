#include "solver/explain.h"

#include <map>
#include <set>
#include <string_view>

namespace solver {
namespace {

using Parts = std::map<std::string, std::vector<std::string>>;

constexpr std::size_t kMostReasons = 10;
constexpr std::size_t kLongestValue = 60;

Parts by_label(const cache::KeySummary& summary) {
  Parts parts;
  for (const auto& [label, value] : summary.parts) parts[label].push_back(value);
  return parts;
}

bool is_digest(std::string_view value) {
  return value.starts_with("sha256:") || value.starts_with("sha512:");
}

std::string shown(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  if (text.size() > kLongestValue) text = text.substr(0, kLongestValue) + "...";
  return text;
}

/// "arg VERSION" -> "argument VERSION"; the other labels are words already.
std::string subject(const std::string& label) {
  if (label == "parent") return "the parent";
  if (label == "instruction") return "the instruction";
  if (label.starts_with("arg ")) return "argument " + label.substr(4);
  if (label.starts_with("env ")) return "variable " + label.substr(4);
  return label;
}

std::string changed(const std::string& label, const std::vector<std::string>& before,
                    const std::vector<std::string>& now) {
  std::string text = subject(label) + " changed";
  if (is_digest(before.front()) || is_digest(now.front())) return text;
  return text + ": " + shown(before) + " -> " + shown(now);
}

bool is_input(const std::string& label) {
  return label.starts_with("input ");
}

}  // namespace

std::vector<std::string> explain_miss(const std::optional<cache::KeySummary>& before, const cache::KeySummary& now) {
  if (!before) return {"never built before"};
  const Parts old_parts = by_label(*before);
  const Parts new_parts = by_label(now);
  std::set<std::string> labels;
  for (const auto& [label, values] : old_parts) labels.insert(label);
  for (const auto& [label, values] : new_parts) labels.insert(label);

  std::vector<std::string> reasons, inputs;
  for (const std::string& label : labels) {
    const auto old_part = old_parts.find(label);
    const auto new_part = new_parts.find(label);
    if (old_part == old_parts.end()) {
      reasons.push_back(subject(label) + " is new");
    } else if (new_part == new_parts.end()) {
      reasons.push_back(subject(label) + " is gone");
    } else if (old_part->second != new_part->second) {
      (is_input(label) ? inputs : reasons).push_back(changed(label, old_part->second, new_part->second));
    }
  }
  // The digest of an input says nothing that the files in it do not say better.
  if (reasons.empty()) reasons = std::move(inputs);
  if (reasons.empty()) return {"nothing changed, but the result is no longer stored"};
  if (reasons.size() > kMostReasons) {
    const std::size_t more = reasons.size() - kMostReasons;
    reasons.resize(kMostReasons);
    reasons.push_back("and " + std::to_string(more) + " more");
  }
  return reasons;
}

}  // namespace solver
