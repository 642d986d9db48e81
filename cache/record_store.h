#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/result.h"
#include "oci/descriptor.h"
#include "util/compression.h"
#include "util/digest.h"
#include "util/sync.h"

namespace cache {

/// A layer's row. Forms that do not exist are empty.
struct LayerRow {
  LayerId id;
  std::string snapshot;  ///< directory name below snapshots/, "" = not unpacked
  bool has_listing = false;
  std::optional<oci::Descriptor> remote;  ///< as the pulled manifest says
  std::string remote_origin;              ///< where it can be fetched: an image name, or "layout:/path"
  std::int64_t created = 0;               ///< nanoseconds
  std::uint64_t size = 0;                 ///< bytes of content, unpacked
};

/// A packed form of a layer.
struct BlobRow {
  LayerId layer;
  util::Compression compression = util::Compression::gzip;
  std::string variant;  ///< level etc. ("" = default); part of the identity
  util::Digest digest;
  std::uint64_t size = 0;
  util::Digest diff_id;
};

/// Action record: key -> result, with the summary its key was made of.
struct Record {
  util::Digest key;
  std::vector<LayerId> layers;
  std::string summary;       ///< JSON, see KeySummary
  std::string name;          ///< groups records of one step, to find the nearest on a miss
  std::int64_t created = 0;  ///< nanoseconds
};

/// The metadata database `cache.db`; the only file that speaks SQL. SQLite in WAL mode, schema version, one
/// transaction per committed result. Thread-safe; several processes at once (busy ones are waited for, up to 30 s).
/// A row is written only after the data it names. Throws util::Error.
class RecordStore {
 public:
  explicit RecordStore(const std::filesystem::path& file);
  ~RecordStore();

  std::optional<Record> find_record(const util::Digest& key);
  /// Just the layers of a record: the cheap look-up of a cached build. Marks the record as used.
  std::optional<std::vector<LayerId>> find_result(const util::Digest& key);
  /// Inserts or replaces.
  void save_records(const std::vector<Record>& records);
  /// The newest record of that name; for explaining a miss.
  std::optional<Record> latest_record(const std::string& name);

  /// Whether `latest_record` would give one.
  bool has_summary(const std::string& name);

  std::optional<LayerRow> find_layer(const LayerId& id);
  void save_layer(const LayerRow& row);
  /// Sets one side of a layer's row, leaving the other as it is; makes the row when there is none.
  void set_remote(const LayerId& id, const oci::Descriptor& remote, const std::string& origin);
  void set_directory(const LayerId& id, const std::string& snapshot, bool has_listing, std::uint64_t size);
  std::vector<BlobRow> layer_blobs(const LayerId& id);
  /// The packed form that is this blob; one of them if several layers share it.
  std::optional<BlobRow> find_blob(const util::Digest& digest);
  void save_blob(const BlobRow& row);
  /// The row and the rows of its packed forms; not the data.
  void remove_layer(const LayerId& id);
  /// In one transaction: `row` and `blobs` replace all that is known of that layer.
  void replace_layer(const LayerRow& row, const std::vector<BlobRow>& blobs);
  void remove_blob(const util::Digest& digest);
  std::vector<LayerRow> all_layers();

  /// Small facts: key -> text (resolved tags, http validators, ...), with the time they were saved.
  std::optional<std::pair<std::string, std::int64_t>> find_fact(const std::string& key);
  void save_fact(const std::string& key, const std::string& value);

  /// Marks as used now (for prune), batched and written at the latest by the destructor.
  void touch(const util::Digest& key_or_layer);

  /// Copies what was written so far from the log into the database, which flushes both. Whoever closes the database last
  /// does so anyway, and waits for the disk then. Failures are not reported.
  void write_back() noexcept;

 private:
  struct State;
  std::filesystem::path file_;
  std::unique_ptr<util::Sync<State>> state_;
};

}  // namespace cache
