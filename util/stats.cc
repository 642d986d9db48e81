#include "util/stats.h"

#include <memory>

#include "util/sync.h"

namespace util {
namespace {

using Counters = std::map<std::string, std::unique_ptr<Counter>>;

/// Never destroyed: threads may still count while the process ends.
Sync<Counters>& registry() {
  static auto* const counters = new Sync<Counters>();
  return *counters;
}

}  // namespace

Counter& counter(const std::string& name) {
  auto counters = registry().lock();
  std::unique_ptr<Counter>& entry = (*counters)[name];
  if (!entry) entry = std::make_unique<Counter>();
  return *entry;
}

std::map<std::string, std::int64_t> all_counters() {
  std::map<std::string, std::int64_t> values;
  auto counters = registry().lock();
  for (const auto& [name, entry] : *counters) values.emplace(name, entry->value());
  return values;
}

ScopedTimer::~ScopedTimer() {
  auto elapsed = std::chrono::steady_clock::now() - start_;
  counter("time." + std::string(name_) + "_us")
      .add(std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count());
}

}  // namespace util
