#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/digest.h"
#include "util/fs.h"
#include "util/sparse.h"
#include "util/stream.h"
#include "util/tar.h"

namespace oci {

/// One path of a layer changeset (image-spec layer.md). Very many may be held at once.
struct LayerEntry {
  enum class Kind : std::uint8_t {
    node,       ///< a file, directory, link, device, ... that is added or replaced
    whiteout,   ///< the path is deleted
    opaque,     ///< as `node` for a directory, whose lower content is hidden
  };
  std::string path;             ///< relative, clean, no leading or trailing slash, never empty
  util::Sparse<std::string> link_target;  ///< symlinks
  /// Not empty: another name of the regular file at this path of the same listing, which sorts first.
  util::Sparse<std::string> hard_link;
  util::Sparse<std::map<std::string, std::string>> xattrs;
  std::uint64_t size = 0;       ///< regular files
  util::Nanoseconds mtime = 0;
  std::uint32_t mode = 0;       ///< 07777
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t device_major = 0, device_minor = 0;
  Kind kind = Kind::node;
  util::FileType type = util::FileType::regular;
  util::Digest content;         ///< sha256 of a regular file's bytes; empty when not known

  bool is_directory() const { return type == util::FileType::directory && kind != Kind::whiteout; }
  bool is_file() const { return type == util::FileType::regular && kind == Kind::node; }
};

/// Path order in which a directory comes right before what is below it ('/' sorts first).
bool path_less(std::string_view a, std::string_view b);
/// Sorts by path_less.
void sort_entries(std::vector<LayerEntry>& entries);

/// Layer id of a built layer: digest over its canonical listing. Everything but times. `entries` are
/// sorted and every regular file has its content digest. Recipe "layer/1", docs/cache-format.md.
util::Digest canonical_digest(std::span<const LayerEntry> entries);

class EntryEncoder;

/// The same of entries that come one after the other.
class CanonicalDigest {
 public:
  CanonicalDigest();
  ~CanonicalDigest();
  void add(const LayerEntry& entry);
  /// May be called once.
  util::Digest finish();

 private:
  std::unique_ptr<EntryEncoder> encoder_;
  util::Sha256 hash_;
};

/// Compact binary form of a listing (docs/cache-format.md), written piece by piece, and back. Does not finish `to`, and throws
/// what it throws. Decoding throws util::Error on damage, never crashes.
void encode_listing(std::span<const LayerEntry> entries, util::Writer& to);
std::vector<LayerEntry> decode_listing(std::string_view data);

/// The same of `count` entries that come one after the other.
class ListingWriter {
 public:
  ListingWriter(util::Writer& to, std::size_t count);
  ~ListingWriter();
  void add(const LayerEntry& entry);
  /// After the last; may be called once.
  void finish();

 private:
  void flush();

  util::Writer& to_;
  std::size_t left_;
  std::unique_ptr<EntryEncoder> encoder_;
  util::Sha256 hash_;
};

/// Writes sorted entries as a layer tar: whiteouts as .wh. names, opaque directories as .wh..wh..opq.
class LayerWriter {
 public:
  explicit LayerWriter(util::Writer& to);
  ~LayerWriter();
  /// For a regular file that is no hard link, `content` gives exactly `entry.size` bytes.
  void add(const LayerEntry& entry, util::Reader* content);
  /// The same without a copy of the content on the way.
  void add(const LayerEntry& entry, util::BlockReader& content);
  /// End of archive; does not finish the underlying writer.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads a layer tar (uncompressed) and hands over its entries in archive order: paths cleaned, whiteouts
/// recognised (an opaque marker comes as an entry of kind opaque with the directory's path, possibly after
/// the directory itself; its other fields are then not set), names escaping the root refused. `content` is null unless `entry.is_file()` and
/// it is no hard link. Throws util::Error.
void read_layer(util::Reader& tar,
                const std::function<void(LayerEntry& entry, util::Reader* content)>& visit);

}  // namespace oci
