#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/result.h"
#include "util/digest.h"
#include "util/sync.h"

namespace cache {

/// What a key was made of, in order: ("instruction", "RUN make"), ("parent", chain id), ("file src/a.c", digest), ...
/// Kept beside the record so that a miss can be explained.
struct KeySummary {
  std::string name;  ///< the step: stage and instruction kind and position
  std::vector<std::pair<std::string, std::string>> parts;
};
std::string encode_summary(const KeySummary& summary);
KeySummary decode_summary(const std::string& text, const std::string& name);

struct IndexedResult {
  Result result;
  KeySummary summary;
};

/// Seam: cache key -> result. `find` returns a result only if all its layers can still be had in some form.
/// Thread-safe.
class ResultIndex {
 public:
  virtual ~ResultIndex() = default;
  virtual std::optional<Result> find(const util::Digest& key) = 0;
  virtual void save(const std::vector<util::Digest>& keys, const Result& result, const KeySummary& summary) = 0;
  /// The newest summary saved under a name.
  virtual std::optional<KeySummary> latest(const std::string& name) = 0;
  /// Whether anything was ever saved under a name; cheaper than `latest`.
  virtual bool knows(const std::string& name) = 0;
  /// Held while the action of `key` runs, so that another process waits and then hits. The returned object
  /// releases it. Blocks; throws util::Cancelled.
  virtual std::shared_ptr<void> lock_action(const util::Digest& key, std::stop_token stop) = 0;
};

/// In memory, for solver tests.
class MemoryResultIndex final : public ResultIndex {
 public:
  std::optional<Result> find(const util::Digest& key) override;
  void save(const std::vector<util::Digest>& keys, const Result& result, const KeySummary& summary) override;
  std::optional<KeySummary> latest(const std::string& name) override;
  bool knows(const std::string& name) override;
  std::shared_ptr<void> lock_action(const util::Digest& key, std::stop_token stop) override;

 private:
  struct State {
    std::map<util::Digest, Result> results;
    std::map<std::string, KeySummary> latest;
    std::set<util::Digest> locked;
  };
  util::Sync<State> state_;
};

}  // namespace cache
