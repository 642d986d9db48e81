#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache/layer_directory.h"
#include "cache/layer_entries.h"
#include "cache/layer_store.h"
#include "cache/layered_tree.h"
#include "cache/temporary.h"
#include "cache/vouching_reader.h"
#include "util/error.h"
#include "util/stream.h"
#include "util/sync.h"
#include "util/temp.h"

namespace cache {

/// The few things last asked for, by digest.
template <typename T>
class RecentCache {
 public:
  explicit RecentCache(std::size_t limit) : limit_(limit) {}
  T find(const util::Digest& key) const {
    for (const auto& [id, value] : kept_) {
      if (id == key) return value;
    }
    return T();
  }
  void put(const util::Digest& key, T value) {
    erase(key);
    kept_.emplace_front(key, std::move(value));
    if (kept_.size() > limit_) kept_.pop_back();
  }
  void erase(const util::Digest& key) {
    std::erase_if(kept_, [&](const auto& item) { return item.first == key; });
  }

 private:
  std::size_t limit_;
  std::deque<std::pair<util::Digest, T>> kept_;
};

/// Shared by the source files of LayerStore: layer_store.cc (look-up, registration), layer_commit.cc (new layers),
/// layer_unpack.cc (blob to directory), layer_pack.cc (directory or blob to blob).
struct LayerStore::State {
  State(std::filesystem::path root_path, ContentStore& content_store, RecordStore& record_store,
        std::filesystem::path temporary_path);

  // Look-up and paths (layer_store.cc).
  std::filesystem::path snapshot_directory(const std::string& snapshot) const {
    return root / "snapshots" / snapshot / "fs";
  }
  std::filesystem::path listing_file(const LayerId& id) const { return root / "listings" / std::string(id.hex()); }
  std::shared_ptr<void> lock(const LayerId& id, std::stop_token stop);
  /// Row of a layer, which must be known: throws util::Error otherwise.
  LayerRow row(const LayerId& id);
  /// The unpacked form if it is there and was made in the form that this process uses.
  std::optional<std::filesystem::path> find_directory(const LayerRow& row);
  std::optional<BlobRow> find_blob_row(const LayerId& id, const PackOptions& options);
  /// A pulled layer as it was pulled, here or not, if that is what is wanted; else a packed form that is here.
  std::optional<LayerBlob> find_blob(const LayerRow& row, const PackOptions& options);
  Listing find_listing(const LayerRow& row);
  /// The entries of a listing one after the other; false at the end.
  using NextEntry = std::function<bool(oci::LayerEntry& entry)>;
  static NextEntry entries_of(Listing listing);
  /// Those of a listing that is there; null otherwise.
  NextEntry find_entries(const LayerRow& row);
  void note_damaged_listing(const LayerRow& row, const util::Error& error);
  /// A listing, written before the layer's id need be known: to be committed as its `listing_file`.
  util::AtomicFile draft_listing(std::span<const oci::LayerEntry> entries) const;
  /// Moves a finished directory (`.../fs`, with an `implied` file beside it) into snapshots/; returns the snapshot's
  /// name.
  std::string adopt_directory(const std::filesystem::path& directory, const std::vector<std::string>& implied);
  void forget(const LayerId& id);

  // Making forms of layers (layer_unpack.cc, layer_pack.cc); the layer's lock is held.
  /// Brings the pulled blob into the content store.
  void fetch(const LayerRow& row, util::ProgressTask* task, std::stop_token stop);
  /// Is this why reading that blob failed? Then it is out of the store now.
  bool was_damaged(const util::Digest& blob, const std::stop_token& stop);
  /// A packed form that is in the content store.
  std::optional<util::Digest> local_blob(const LayerRow& row);
  /// Drops what is left of the layer's forms. Throws Damage.
  [[noreturn]] void throw_lost(const LayerRow& row);
  /// Drops the unpacked form, in which that file is not what it was. Throws Damage.
  [[noreturn]] void throw_damaged_directory(const LayerId& id, const std::string& path);
  std::filesystem::path unpack(const LayerRow& row, util::ProgressTask* task, std::stop_token stop);
  std::filesystem::path unpack_blob(const LayerRow& row, const util::Digest& blob, util::ProgressTask* task,
                                    std::stop_token stop);
  /// Fetches the pulled blob and unpacks it while it arrives. nullopt: it is in the content store now, but still packed.
  std::optional<std::filesystem::path> unpack_arriving(const LayerRow& row, util::ProgressTask* task,
                                                       std::stop_token stop);
  /// `raw`: the packed layer; it is read to its end.
  std::filesystem::path unpack_bytes(const LayerRow& row, const util::Digest& diff_id, util::Reader& raw);
  Listing listing(const LayerId& id, std::stop_token stop);
  /// Null if the directory is not the layer any more.
  Listing rebuild_listing(const LayerRow& row, const std::filesystem::path& directory, std::stop_token stop);
  /// The lowest first.
  std::vector<Listing> listings(const std::vector<LayerId>& chain, std::stop_token stop);
  std::shared_ptr<const MergedListing> merged(const std::vector<LayerId>& chain, std::stop_token stop);
  BlobRow pack(const LayerRow& row, const PackOptions& options, util::ProgressTask* task, std::stop_token stop);
  BlobRow pack_directory(const LayerRow& row, const std::filesystem::path& directory, const PackOptions& options,
                         util::ProgressTask* task, std::stop_token stop);
  BlobRow recompress(const LayerRow& row, const util::Digest& blob, const PackOptions& options,
                     util::ProgressTask* task, std::stop_token stop);

  std::filesystem::path root;
  ContentStore& content;
  RecordStore& records;
  std::unique_ptr<ProcessTemporary> own_temporary;
  std::filesystem::path temporary;
  Fetcher fetcher;
  const DirectoryForm& form = directory_form();

  struct Memory {
    std::set<LayerId> known;
    /// What this process packed: an image has the times of its own build, even if another process replaces the layer meanwhile.
    std::map<LayerId, BlobRow> packed_here;
    std::map<LayerId, std::filesystem::path> directories;
    RecentCache<Listing> listings{64};
    RecentCache<std::shared_ptr<const MergedListing>> merged{8};
  };
  util::Sync<Memory> memory;
};

/// Makes a layer's root directory (0755) in a temporary one.
std::filesystem::path made_layer_root(const util::TempDir& temporary);

/// Sorts a listing, checks it and fills in the digests that are missing.
void complete_listing(std::vector<oci::LayerEntry>& entries, const ContentOpener& open, std::stop_token stop);

/// How a packed form is named in the records besides its compression: the level, "" for the default.
std::string pack_variant(const PackOptions& options);

/// Passes on another reader's bytes, taking their digest. Throws util::Cancelled.
class CheckedReader final : public util::Reader {
 public:
  /// `copy_to`: descriptor that gets a copy of the bytes, or -1. `entry` must outlive the reader.
  CheckedReader(std::unique_ptr<util::Reader> from, const oci::LayerEntry& entry, std::stop_token stop,
                int copy_to = -1)
      : from_(std::move(from)),
        entry_(entry),
        stop_(std::move(stop)),
        copy_to_(copy_to),
        vouched_(is_vouched(*from_, entry)) {}
  std::size_t read(std::span<std::byte> buffer) override;
  /// Reads to the end if the caller has not; returns the digest. Throws util::Error when it or the size is not what the
  /// entry says. May be called once.
  util::Digest finish();

  /// Before anything is read: what is read goes into `archive` next, which hashes it for both.
  void share_with(util::HashingWriter& archive) { archive_ = vouched_ ? nullptr : &archive; }
  /// Before anything is read: leaves the hashing to the caller. False if there is nothing to hash.
  bool leave_hashing() { return left_ = !vouched_; }
  /// After the end: gives the file back, of which there may be many before their digests are known.
  void close();
  /// As `finish` does, with the digest that the caller took.
  util::Digest finish(const util::Digest& digest);

 private:
  util::Sha256& hash();
  static bool is_vouched(const util::Reader& from, const oci::LayerEntry& entry) {
    const auto* vouching = dynamic_cast<const VouchingReader*>(&from);
    return vouching != nullptr && entry.content && vouching->vouched() == entry.content;
  }

  std::unique_ptr<util::Reader> from_;
  const oci::LayerEntry& entry_;
  std::stop_token stop_;
  int copy_to_;
  bool vouched_;  ///< the source sees to it that the digest is the entry's
  bool left_ = false;
  util::HashingWriter* archive_ = nullptr;
  std::optional<util::Sha256> hash_;  ///< if it is taken here
  std::uint64_t size_ = 0;
};

/// A tar stream that is written into the content store, compressed: tar bytes in, a blob out.
class BlobPacker {
 public:
  /// `mirror` has all bytes of the blob, too, unless it is null.
  BlobPacker(ContentStore& content, const PackOptions& options, BlobMirror* mirror = nullptr);
  util::HashingWriter& tar() { return tar_hash_; }
  /// Completes the stream; the blob becomes visible in the store.
  BlobRow commit(const LayerId& id);

 private:
  /// The blob, and who wants it while it grows.
  class Both final : public util::Writer {
   public:
    Both(util::Writer& blob, BlobMirror* mirror) : blob_(blob), mirror_(mirror) {}
    void write(util::Bytes data) override {
      blob_.write(data);
      if (mirror_ != nullptr) mirror_->write(data);
    }

   private:
    util::Writer& blob_;
    BlobMirror* mirror_;
  };

  PackOptions options_;
  BlobMirror* mirror_;
  BlobWriter blob_;
  Both to_{blob_, mirror_};
  std::unique_ptr<util::Writer> compressor_;
  util::HashingWriter tar_hash_;
};

/// Opens regular files of a directory in overlay form.
class DirectoryOpener {
 public:
  explicit DirectoryOpener(const std::filesystem::path& directory);
  std::unique_ptr<util::Reader> operator()(const oci::LayerEntry& entry) const;

 private:
  std::shared_ptr<util::Fd> root_;
};

}  // namespace cache
