#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/content_store.h"
#include "cache/record_store.h"
#include "cache/result.h"
#include "cache/tree.h"
#include "oci/descriptor.h"
#include "oci/entry_stream.h"
#include "oci/layer.h"
#include "util/compression.h"
#include "util/progress.h"

namespace cache {

/// How layers are packed.
struct PackOptions {
  util::Compression compression = util::Compression::gzip;
  std::optional<int> level = {};
  bool force = false;  ///< convert pulled and already packed layers too
  bool operator==(const PackOptions&) const = default;
};

/// A layer packed as a blob that is in the content store (or still remote).
struct LayerBlob {
  oci::Descriptor descriptor;  ///< OCI media type
  util::Digest diff_id;
  bool remote = false;  ///< bytes not in the content store
  std::string origin;   ///< remote: where they are
};

/// Gives the content of regular file `entry` while a layer is committed. Called from several threads at once when the
/// layer is not packed in the same pass.
using ContentOpener = std::function<std::unique_ptr<util::Reader>(const oci::LayerEntry& entry)>;

/// Takes the bytes of a packed layer while they are made. Whoever destroys it before `complete` came has no use for what it took.
class BlobMirror : public util::Writer {
 public:
  /// All were written: they are that blob, which is in the content store.
  virtual void complete(const BlobInfo& blob) = 0;
};

/// Wants the layers of an image in their packed form, from the bottom, as early as they are there.
class LayerFollower {
 public:
  virtual ~LayerFollower() = default;
  /// The layer that stands on the chain `below` is going to be packed. What shall have its bytes as they are made: one at a
  /// time; null when they are not wanted. Its `write` and `complete` do not throw. Throws util::Cancelled.
  virtual std::unique_ptr<BlobMirror> follow(std::span<const LayerId> below, const std::stop_token& stop) = 0;
};

struct CommitOptions {
  /// Early cutoff: if a layer with the same id is known, keep that one (its times, its blobs). Off for --no-cache: then
  /// the new one takes over the id.
  bool substitute = true;
  /// Make this packed form in the same pass that hashes.
  std::optional<PackOptions> pack;
  /// Make the directory form (a RUN is going to need it). At least one of `pack`, `directory` must be set.
  bool directory = true;
  /// A ready directory in overlay form on the store's file system (what a RUN wrote) that may be moved into the
  /// store instead of being copied. Contents come from there too when `ContentOpener` is null.
  std::filesystem::path take_directory;
  /// Has the bytes of the packed form, too; null = nobody.
  BlobMirror* mirror = nullptr;
};

/// Layers in their forms (remote descriptor, blob, directory) made from one another on demand, each at most once, by
/// one process (file locks), and remembered. Directory form: overlayfs conventions (whiteout = character device 0:0,
/// opaque = xattr trusted.overlay.opaque, or user.overlay.opaque inside a user namespace). Thread-safe.
class LayerStore {
 public:
  /// Downloads a remote blob into the content store; set by the wiring (source::ImageSource).
  using Fetcher =
      std::function<void(const oci::Descriptor&, const std::string& origin, util::ProgressTask*, std::stop_token)>;

  /// `temporary`: directory for unfinished things on the file system of `root`; empty: one is made below root/tmp.
  LayerStore(std::filesystem::path root, ContentStore& content, RecordStore& records,
             std::filesystem::path temporary = {});
  ~LayerStore();
  void set_fetcher(Fetcher fetcher);

  /// Known in at least one form.
  bool contains(const LayerId& id);
  /// Packed or unpacked in the store: to use it nothing has to be fetched.
  bool is_here(const LayerId& id);
  /// Registers a pulled layer by its diff id; no bytes move.
  void add_remote(const LayerId& diff_id, const oci::Descriptor& descriptor, const std::string& origin);
  /// Stores a built layer. Its entries need not have content digests. Returns its id.
  LayerId commit(oci::EntryStream& entries, const ContentOpener& open, const CommitOptions& options, std::stop_token stop = {});
  /// The same of entries that need not be sorted either.
  LayerId commit(std::vector<oci::LayerEntry> entries, const ContentOpener& open, const CommitOptions& options,
                 std::stop_token stop = {});

  /// Absolute path of the layer's directory in overlay form; fetches and unpacks if needed.
  std::filesystem::path directory(const LayerId& id, util::ProgressTask* task = nullptr, std::stop_token stop = {});
  /// The same for all layers of a chain, several at a time; in the order of the chain.
  std::vector<std::filesystem::path> directories(std::span<const LayerId> chain, util::ProgressTask* task = nullptr,
                                                 std::stop_token stop = {});
  /// Whether that would take no work.
  bool has_directory(const LayerId& id);
  /// Packed form; made if needed. A pulled layer is given as it was pulled unless `force`; its bytes are fetched only
  /// if `fetch`.
  LayerBlob blob(const LayerId& id, const PackOptions& options, bool fetch, util::ProgressTask* task = nullptr,
                 std::stop_token stop = {});
  /// The same if it need not be made, nor fetched.
  std::optional<LayerBlob> packed(const LayerId& id, const PackOptions& options);
  /// Sorted listing with content digests. For a pulled layer this unpacks it.
  std::shared_ptr<const std::vector<oci::LayerEntry>> listing(const LayerId& id, std::stop_token stop = {});
  /// When it was made, nanoseconds; 0 = unknown.
  std::int64_t created(const LayerId& id);

  /// Merged view of a chain; valid while the store lives. Metadata comes from the listings; the directory form of a
  /// layer is made only when a file's content is opened.
  std::shared_ptr<const Tree> tree(std::span<const LayerId> chain, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cache
