#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/result.h"
#include "oci/entry_stream.h"
#include "oci/layer.h"
#include "util/digest.h"
#include "util/stream.h"
#include "util/temp.h"

namespace cache {

/// Whether the archive has bytes for an entry: a regular file under its first name.
inline bool is_content(const oci::LayerEntry& entry) {
  return entry.is_file() && entry.hard_link.empty();
}

/// The entries of a new layer as they come, without attributes that no layer carries. Refuses what cannot be a layer: a path
/// twice, something below what is no directory, a hard link to what is no file before it.
class CheckedEntries {
 public:
  explicit CheckedEntries(oci::EntryStream& entries);
  std::size_t size() const { return entries_.size(); }
  void rewind();
  /// As oci::EntryStream::next. Throws util::Error.
  bool next(oci::LayerEntry& entry);
  /// So many of the next ones; none at the end.
  std::vector<oci::LayerEntry> next_some(std::size_t most);
  /// Targets of hard links.
  std::vector<std::string> targets() const;
  bool is_target(const std::string& path) const { return targets_.contains(path); }

 private:
  void check(const oci::LayerEntry& entry);

  oci::EntryStream& entries_;
  std::map<std::string, bool> targets_;  ///< of hard links; whether that file came by
  std::string last_path_;
  bool last_is_directory_ = true;
};

/// Gives hard links what their file has, entry by entry in order.
class HardLinkCompleter {
 public:
  explicit HardLinkCompleter(const std::vector<std::string>& targets);
  /// The digest of a file is known by now.
  void complete(oci::LayerEntry& entry);

 private:
  struct File {
    util::Digest content;
    std::uint64_t size = 0;
  };
  std::map<std::string, File> files_;
};

/// What comes of the entries of a new layer while it is made: its id, and its listing in a file.
class NewListing {
 public:
  /// The file is made in the directory of `path`. Throws util::Error.
  NewListing(const std::filesystem::path& path, const CheckedEntries& entries);
  /// The next, with the digest of its content. Throws util::Error.
  void add(oci::LayerEntry& entry);
  /// After the last.
  LayerId finish();
  util::AtomicFile& file() { return file_; }
  std::uint64_t content_size() const { return content_size_; }
  /// All entries, if they are few enough to be kept; null otherwise.
  std::shared_ptr<const std::vector<oci::LayerEntry>> take_kept();

 private:
  static constexpr std::size_t kKept = 16384;

  util::AtomicFile file_;
  util::FdWriter to_{file_.fd()};
  HardLinkCompleter hard_links_;
  oci::ListingWriter listing_;
  oci::CanonicalDigest id_;
  std::uint64_t content_size_ = 0;
  bool keeps_;
  std::vector<oci::LayerEntry> kept_;
};

}  // namespace cache
