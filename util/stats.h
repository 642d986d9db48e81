#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace util {

/// Named process-wide counters and timers for `--debug=stats`. Thread-safe, monotonic. A counter
/// object is looked up once (static local) and is cheap to bump.
class Counter {
 public:
  void add(std::int64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// The counter of that name, made on first use; lives as long as the process.
/// Names used: "context.files_stat", "context.files_read", "mounts", "layers.unpacked", "layers.packed",
/// "bytes.compressed", "bytes.pulled", "exec.runs", "cache.hits", "cache.misses", "records.lookups", ...
Counter& counter(const std::string& name);
/// All counters with their values.
std::map<std::string, std::int64_t> all_counters();

/// Adds the time of its scope, in microseconds, to the counter "time.<name>_us".
class ScopedTimer {
 public:
  explicit ScopedTimer(const char* name) : name_(name), start_(std::chrono::steady_clock::now()) {}
  ScopedTimer(const ScopedTimer&) = delete;
  ~ScopedTimer();

 private:
  const char* name_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace util
