#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/result.h"
#include "util/digest.h"

namespace cache {

/// What the database says about a layer, for `du` and `prune`. Times are nanoseconds.
struct LayerUse {
  LayerId id;
  std::string snapshot;                ///< directory name below snapshots/, "" = not unpacked
  bool has_listing = false;
  std::optional<util::Digest> remote;  ///< blob of a pulled layer
  std::string origin;                  ///< where it was pulled from
  std::int64_t created = 0;            ///< 0 = not built here
  std::uint64_t size = 0;              ///< bytes of content, unpacked
  std::int64_t used = 0;
};

/// A packed form of a layer.
struct BlobUse {
  LayerId layer;
  util::Digest digest;
};

/// A build record: `layers` from the bottom up, the last one made by the step `name`.
struct RecordUse {
  std::string key;
  std::vector<LayerId> layers;
  std::string name;  ///< "" = no longer known
  std::int64_t used = 0;
};

struct FactUse {
  std::string key;
  std::string value;
  std::int64_t saved = 0;
};

/// Rows that go together: facts, then records, then layers, so that none is left that names what went before it.
struct RemovedRows {
  std::vector<LayerId> layers;  ///< with the rows of their packed forms
  std::vector<std::string> records;
  std::vector<std::string> facts;
};

/// The database as a whole, as `du` and `prune` look at it; a connection of its own beside the RecordStore's. Not
/// thread-safe. Throws util::Error.
class UsageRows {
 public:
  /// `file`: a database that a RecordStore has opened before.
  explicit UsageRows(const std::filesystem::path& file);
  ~UsageRows();
  std::vector<LayerUse> layers();
  std::vector<BlobUse> blobs();
  std::vector<RecordUse> records();
  std::vector<FactUse> facts();
  /// Deletes rows, and the summaries of steps that no record has any more.
  void remove(const RemovedRows& rows);
  /// What no record has any more.
  void remove_unused_summaries();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cache
