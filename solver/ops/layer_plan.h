#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cache/tree.h"
#include "oci/layer.h"
#include "solver/ops/file_content.h"
#include "solver/ops/plan_nodes.h"
#include "util/stream.h"

namespace ops {

/// Time of a directory that is made: as given; or the newest of what the layer puts directly into it, so that a layer
/// has no times but those of its files and is the same wherever and whenever it is made.
enum class DirectoryTime { given, of_content };

/// A layer being planned in memory above a base tree: what the file actions do, without touching a disk. It is itself
/// the tree that results, so that later actions see what earlier ones did. Paths are clean and have no links in them
/// (cache::resolve_path). Not thread-safe while it is changed.
class LayerPlan final : public cache::Tree {
 public:
  explicit LayerPlan(std::shared_ptr<const cache::Tree> base) : base_(std::move(base)) {}

  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::unique_ptr<util::Reader> open(const std::string& path) const override;
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override;
  std::optional<std::string> hidden_by(const std::string& path) const override { return base_->hidden_by(path); }
  std::string place() const override { return base_->place(); }

  /// Adds or replaces a file, link or device; or a directory, which keeps what is in it. Parent directories must exist;
  /// those of the base become part of the layer as they are. What is replaced must not be a directory by something else
  /// or the reverse: `remove` it first. `content` is for regular files.
  void put(oci::LayerEntry entry, FileContentRef content = nullptr);
  /// The same for a regular file that `files` copies (its path is `to` or below it); it has no other names.
  void put(oci::LayerEntry entry, CopiedFilesRef files);
  /// The content of what was put at `path` with `files`, for another name to share; null if something else is there.
  FileContentRef share_content(const std::string& path, const CopiedFiles& files);
  /// Makes the missing directories of a path with mode and owner of `like`; a directory in one with the setgid bit gets
  /// it too, as mkdir(2) does. Throws util::Error when something else is in the way.
  void make_directories(const std::string& path, const oci::LayerEntry& like, DirectoryTime time);
  /// Removes a path with everything below it. Missing is fine.
  void remove(const std::string& path);
  /// Makes `name` another name of the regular file `target`.
  void link(const std::string& target, const std::string& name);
  /// Sets mode, owner and time of every name of the regular file `path`.
  void change_file(const std::string& path, std::uint32_t mode, std::uint32_t uid, std::uint32_t gid,
                   util::Nanoseconds mtime);

  /// The layer: sorted, hard links named. A directory of the base into which something was put has the time of the
  /// newest of it.
  std::vector<oci::LayerEntry> changes() const { return LayerPlan(*this).take_changes(); }
  /// The same, once: afterwards only `open` may be called, for files of the layer.
  std::vector<oci::LayerEntry> take_changes();

 private:
  using Origin = PlanNode::Origin;
  struct PathOrder {
    bool operator()(const std::string& a, const std::string& b) const { return oci::path_less(a, b); }
  };
  std::map<std::string, util::Nanoseconds> directory_times() const;
  /// Whether the base still shows at `path`, as far as the directories above it are concerned.
  bool base_shows(const std::string& path) const;
  bool compute_base_shows(const std::string& path) const;
  void take_parents(const std::string& path);
  void put_node(oci::LayerEntry entry, std::variant<FileContentRef, CopiedFilesRef> bytes);
  void note_taken(PlanNode& node);

  std::shared_ptr<const cache::Tree> base_;
  PlanNodes nodes_;
  // The files of a plan whose changes were taken: what was copied as runs, each from its first path on, and the others.
  std::vector<std::pair<std::string, CopiedFilesRef>> taken_copied_;
  std::map<std::string, FileContentRef, PathOrder> taken_own_;
  // Files are put directory by directory: what was found out about the last directory is asked for again and again.
  std::string taken_directory_;  ///< it and all above it are nodes; "" = not known of any
  mutable std::string asked_directory_ = "/";
  mutable bool asked_shows_ = false;  ///< whether the base shows what is in `asked_directory_`
};

}  // namespace ops
