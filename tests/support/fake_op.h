#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "llb/graph.h"
#include "solver/op.h"
#include "util/error.h"

namespace test {

/// Threads wait at it until it is opened or their stop is requested.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Throws util::Cancelled on stop.
  void pass(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    if (!changed_.wait(lock, stop, [this] { return open_; })) throw util::Cancelled();
  }
  /// Blocks until `count` threads have come.
  void wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  int arrived_ = 0;
};

/// What the op of one vertex does; the vertex is found by its name.
struct FakeBehaviour {
  std::string key;  ///< of the op; empty = the vertex's name
  bool cacheable = true;
  bool reads_once = false;
  std::string selector;  ///< of every input
  /// Content digest of input `i`, for those that have a function here.
  std::map<std::size_t, std::function<util::Digest(const solver::Result&)>> contents;
  /// The same, for those that look at the stop token.
  std::map<std::size_t, std::function<util::Digest(const solver::Result&, std::stop_token)>> stoppable_contents;
  cache::KeySummary summary;
  /// Default: the inputs' layers and one of its own, named for the key.
  std::function<solver::Result(std::span<const solver::Result>, solver::OpContext&)> run;
};

/// Ops for solver tests: a table of behaviours, and counters of what was called.
class FakeOps {
 public:
  FakeBehaviour& operator[](const std::string& name) { return behaviours_[name]; }
  solver::OpFactory factory() {
    return [this](const llb::VertexRef& vertex) { return std::make_unique<Op>(*this, vertex->meta().name); };
  }
  int execs(const std::string& name) const { return count(execs_, name); }
  int maps(const std::string& name) const { return count(maps_, name); }
  int all_execs() const {
    const std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [name, n] : execs_) sum += n;
    return sum;
  }
  /// Names in the order in which they began to run.
  std::vector<std::string> order() const {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  int most_at_once() const { return most_; }

  static solver::Result layer(const std::string& name) { return {{util::sha256_of(name)}, nullptr}; }

 private:
  class Op final : public solver::Op {
   public:
    Op(FakeOps& ops, std::string name) : ops_(ops), name_(std::move(name)) {}
    solver::CacheMap cache_map(solver::OpContext&) override;
    solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

   private:
    FakeOps& ops_;
    std::string name_;
  };

  int count(const std::map<std::string, int>& counters, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
  FakeBehaviour behaviour(const std::string& name) const {
    const auto found = behaviours_.find(name);
    FakeBehaviour behaviour = found == behaviours_.end() ? FakeBehaviour() : found->second;
    if (behaviour.key.empty()) behaviour.key = name;
    return behaviour;
  }

  std::map<std::string, FakeBehaviour> behaviours_;  // not changed while a solve runs
  mutable std::mutex mutex_;                         // guards the counters
  std::map<std::string, int> execs_, maps_;
  std::vector<std::string> order_;
  std::atomic<int> running_{0}, most_{0};
  std::map<std::string, std::size_t> input_counts_;

 public:
  /// A vertex of that name; equal names with equal inputs are equal vertices.
  llb::VertexRef vertex(const std::string& name, std::vector<llb::VertexRef> inputs = {}, bool ignore_cache = false) {
    input_counts_[name] = inputs.size();
    llb::VertexMeta meta;
    meta.name = name;
    meta.instruction = "RUN " + name;
    meta.ignore_cache = ignore_cache;
    llb::ExecOp op;
    op.args = {name};
    return llb::make_vertex(std::move(op), std::move(inputs), meta);
  }
};

inline solver::CacheMap FakeOps::Op::cache_map(solver::OpContext&) {
  const FakeBehaviour behaviour = ops_.behaviour(name_);
  solver::CacheMap map;
  map.op_digest = util::sha256_of(behaviour.key);
  map.cacheable = behaviour.cacheable;
  map.reads_once = behaviour.reads_once;
  map.summary = behaviour.summary;
  for (std::size_t i = 0; i < ops_.input_counts_.at(name_); ++i) {
    solver::CacheDep dep;
    dep.selector = behaviour.selector;
    if (const auto content = behaviour.contents.find(i); content != behaviour.contents.end()) {
      dep.content_digest = [digest = content->second](const solver::Result& input, std::stop_token) {
        return digest(input);
      };
    }
    if (const auto content = behaviour.stoppable_contents.find(i); content != behaviour.stoppable_contents.end()) {
      dep.content_digest = content->second;
    }
    map.deps.push_back(std::move(dep));
  }
  const std::lock_guard lock(ops_.mutex_);
  ++ops_.maps_[name_];
  return map;
}

inline solver::Result FakeOps::Op::exec(std::span<const solver::Result> inputs, solver::OpContext& context) {
  const FakeBehaviour behaviour = ops_.behaviour(name_);
  {
    const std::lock_guard lock(ops_.mutex_);
    ++ops_.execs_[name_];
    ops_.order_.push_back(name_);
    ops_.most_ = std::max<int>(ops_.most_, ++ops_.running_);
  }
  struct Leave {
    std::atomic<int>& running;
    ~Leave() { --running; }
  } leave{ops_.running_};
  if (behaviour.run) return behaviour.run(inputs, context);
  solver::Result result;
  for (const solver::Result& input : inputs) {
    result.layers.insert(result.layers.end(), input.layers.begin(), input.layers.end());
  }
  result.layers.push_back(util::sha256_of(behaviour.key));
  return result;
}

/// Keeps every event.
class RecordingProgress final : public util::ProgressSink {
 public:
  void emit(util::ProgressEvent event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  template <typename Event>
  std::vector<Event> all(const util::Digest& task) const {
    const std::lock_guard lock(mutex_);
    std::vector<Event> found;
    for (const util::ProgressEvent& event : events_) {
      if (const Event* one = std::get_if<Event>(&event); one != nullptr && one->task == task) found.push_back(*one);
    }
    return found;
  }
  template <typename Event>
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const util::ProgressEvent& event : events_) n += std::holds_alternative<Event>(event) ? 1 : 0;
    return n;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<util::ProgressEvent> events_;
};

}  // namespace test
