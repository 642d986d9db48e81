#include "cache/disk_result_index.h"

#include <algorithm>
#include <utility>

#include "cache/named_lock.h"
#include "util/check.h"
#include "util/time.h"

namespace cache {

DiskResultIndex::DiskResultIndex(RecordStore& records, LayerStore& layers, std::filesystem::path locks)
    : records_(records), layers_(layers), locks_(std::move(locks)) {}

std::optional<Result> DiskResultIndex::find(const util::Digest& key) {
  std::optional<std::vector<LayerId>> layers = records_.find_result(key);
  if (!layers) return std::nullopt;
  bool usable = std::all_of(layers->begin(), layers->end(), [&](const LayerId& id) { return layers_.contains(id); });
  if (!usable) return std::nullopt;
  Result result;
  result.layers = std::move(*layers);
  return result;
}

void DiskResultIndex::save(const std::vector<util::Digest>& keys, const Result& result, const KeySummary& summary) {
  CHECK(result.tree == nullptr);
  std::string text = encode_summary(summary);
  std::int64_t now = util::now_nanoseconds();
  std::vector<Record> records;
  for (const util::Digest& key : keys) records.push_back(Record{key, result.layers, text, summary.name, now});
  records_.save_records(records);
}

std::optional<KeySummary> DiskResultIndex::latest(const std::string& name) {
  std::optional<Record> record = records_.latest_record(name);
  if (!record) return std::nullopt;
  return decode_summary(record->summary, name);
}

bool DiskResultIndex::knows(const std::string& name) {
  return records_.has_summary(name);
}

std::shared_ptr<void> DiskResultIndex::lock_action(const util::Digest& key, std::stop_token stop) {
  return lock_named(locks_, std::string(key.hex()), stop);
}

}  // namespace cache
