#include "cache/result_index.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "util/error.h"
#include "util/json.h"

namespace cache {

std::string encode_summary(const KeySummary& summary) {
  nlohmann::json parts = nlohmann::json::array();
  for (const auto& [label, value] : summary.parts) parts.push_back(nlohmann::json::array({label, value}));
  return util::dump_json(parts);
}

KeySummary decode_summary(const std::string& text, const std::string& name) {
  KeySummary summary;
  summary.name = name;
  if (text.empty()) return summary;
  nlohmann::json parts = util::parse_json(text, "key summary");
  for (const nlohmann::json& part : parts) {
    if (!part.is_array() || part.size() != 2 || !part[0].is_string() || !part[1].is_string()) {
      throw util::Error("read a key summary: not a list of pairs");
    }
    summary.parts.emplace_back(part[0].get<std::string>(), part[1].get<std::string>());
  }
  return summary;
}

std::optional<Result> MemoryResultIndex::find(const util::Digest& key) {
  auto state = state_.lock();
  auto found = state->results.find(key);
  if (found == state->results.end()) return std::nullopt;
  return found->second;
}

void MemoryResultIndex::save(const std::vector<util::Digest>& keys, const Result& result, const KeySummary& summary) {
  auto state = state_.lock();
  for (const util::Digest& key : keys) state->results[key] = result;
  state->latest[summary.name] = summary;
}

bool MemoryResultIndex::knows(const std::string& name) {
  return state_.lock()->latest.contains(name);
}

std::optional<KeySummary> MemoryResultIndex::latest(const std::string& name) {
  auto state = state_.lock();
  auto found = state->latest.find(name);
  if (found == state->latest.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<void> MemoryResultIndex::lock_action(const util::Digest& key, std::stop_token stop) {
  while (!state_.lock()->locked.insert(key).second) {
    if (stop.stop_requested()) throw util::Cancelled();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return std::shared_ptr<void>(nullptr, [this, key](void*) { state_.lock()->locked.erase(key); });
}

}  // namespace cache
