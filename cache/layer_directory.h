#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "oci/layer.h"
#include "util/fd.h"
#include "util/stream.h"

namespace cache {

/// What directories of layers made by this process look like. A directory made in one form is of no use to a process
/// that works in another: the letter is the beginning of its name below snapshots/.
struct DirectoryForm {
  char letter = 'r';  ///< r: root; u: inside a user namespace; p: plain user, owners are not kept
  bool keeps_owners = true;
  std::string opaque_xattr = "trusted.overlay.opaque";
};
/// Of this process; decided on the first call.
const DirectoryForm& directory_form();

/// Attributes that are overlayfs's own or the machine's, never part of a layer.
bool is_internal_xattr(std::string_view name);

/// Everything in a directory in overlay form, metadata only, sorted. Sockets are left out, and the root's own entry.
/// Throws util::Error.
std::vector<oci::LayerEntry> scan_layer_directory(const std::filesystem::path& directory);

struct PathLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return oci::path_less(a, b); }
};

/// Writes layer entries into a fresh directory in overlay form. Links inside the layer that lead to a parent directory
/// are followed within it, nothing else is.
class LayerDirectoryWriter {
 public:
  /// `directory` exists and is empty.
  LayerDirectoryWriter(const std::filesystem::path& directory, const DirectoryForm& form);

  /// An entry, in any order (of two with the same path the later one counts). `content` for regular files; their
  /// digest is taken on the way. Throws util::Error.
  void add(oci::LayerEntry entry, util::Reader* content);

  /// An opaque marker of a tar: the directory itself comes before it, behind it, or not at all.
  void add_opaque_marker(const std::string& path);

  /// Makes the directories above `path`.
  void make_parents(const std::string& path);
  /// Makes one regular file and returns the digest of its content; the directories above exist. Any number of threads
  /// may be in here. The caller hands the entry to `note` afterwards.
  util::Digest write_file(const oci::LayerEntry& entry, util::Reader& content) const;
  /// The two halves of it, for a caller who writes the bytes: the empty file, and what is set when it is complete.
  util::Fd create_file(const oci::LayerEntry& entry) const;
  void complete_file(int fd, const oci::LayerEntry& entry) const;
  void note(oci::LayerEntry entry);

  struct Output {
    std::vector<oci::LayerEntry> entries;  ///< sorted, with digests, hard links in their canonical form
    std::vector<std::string> implied;      ///< directories that no entry speaks of
    std::uint64_t size = 0;                ///< bytes of content
  };
  /// Sets the directories' times. May be called once.
  Output finish();

 private:
  std::string resolve_parents(const std::string& path) const;
  int parent_fd(const std::string& path);
  util::Fd open_or_make_directory(int above, const std::string& name, const std::string& path);
  util::Fd create_in_room(const oci::LayerEntry& entry);
  util::Digest fill_file(int fd, const oci::LayerEntry& entry, util::Reader& content) const;
  void forget(const std::string& path);
  void make_room(int parent, const std::string& path, bool for_directory);
  void add_whiteout(oci::LayerEntry entry);
  void add_directory(oci::LayerEntry entry);
  void add_hard_link(oci::LayerEntry entry);
  void add_special(oci::LayerEntry entry);
  void set_metadata(int parent, const std::string& name, const oci::LayerEntry& entry) const;
  void make_opaque(const std::string& path);
  void name_hard_links();

  const DirectoryForm& form_;
  util::Fd root_;
  std::string parent_path_;
  util::Fd parent_fd_;
  std::map<std::string, oci::LayerEntry, PathLess> entries_;
  std::map<std::string, std::string> links_;  ///< symlinks in the layer: path -> target
  std::set<std::string> implied_;
  std::set<std::string> opaque_;
  std::set<std::string> hard_linked_;
};

/// Directories of a layer directory that none of its entries speaks of (they exist only because something is below
/// them): kept in the file `implied` beside it. Their metadata is that of the layers below.
std::vector<std::string> read_implied(const std::filesystem::path& layer_directory);
void write_implied(const std::filesystem::path& layer_directory, const std::vector<std::string>& implied);

}  // namespace cache
