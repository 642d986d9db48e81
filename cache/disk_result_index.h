#pragma once

#include <filesystem>

#include "cache/layer_store.h"
#include "cache/record_store.h"
#include "cache/result_index.h"

namespace cache {

/// Results kept in the record store. Thread-safe; shared by processes: of two that run the same action, the second
/// waits and hits.
class DiskResultIndex final : public ResultIndex {
 public:
  /// `locks`: directory of the lock files, which exist only while an action runs. The stores are borrowed.
  DiskResultIndex(RecordStore& records, LayerStore& layers, std::filesystem::path locks);
  std::optional<Result> find(const util::Digest& key) override;
  void save(const std::vector<util::Digest>& keys, const Result& result, const KeySummary& summary) override;
  std::optional<KeySummary> latest(const std::string& name) override;
  bool knows(const std::string& name) override;
  std::shared_ptr<void> lock_action(const util::Digest& key, std::stop_token stop) override;

 private:
  RecordStore& records_;
  LayerStore& layers_;
  std::filesystem::path locks_;
};

}  // namespace cache
