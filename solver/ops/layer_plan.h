#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cache/tree.h"
#include "oci/entry_stream.h"
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
/// (cache::resolve_path). Only `open` is thread-safe.
class LayerPlan final : public cache::Tree {
 public:
  /// `spill_directory`: for the nodes of a large plan (PlanNodes).
  explicit LayerPlan(std::shared_ptr<const cache::Tree> base, std::filesystem::path spill_directory = {})
      : base_(std::move(base)), nodes_(std::move(spill_directory)) {}

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

  /// The layer: sorted, hard links named. A directory of the base into which something was put has the time of the newest of
  /// it. Reads the plan, which must not change meanwhile.
  std::unique_ptr<oci::EntryStream> changes() const;

 private:
  using Origin = PlanNode::Origin;
  class Changes;
  std::map<std::string, util::Nanoseconds> directory_times() const;
  std::map<const FileContent*, std::string> shared_contents() const;
  /// Whether the base still shows at `path`, as far as the directories above it are concerned.
  bool base_shows(const std::string& path) const;
  bool compute_base_shows(const std::string& path) const;
  void take_parents(const std::string& path);
  void put_node(oci::LayerEntry entry, std::variant<FileContentRef, CopiedFilesRef> bytes);

  std::shared_ptr<const cache::Tree> base_;
  PlanNodes nodes_;
  mutable std::mutex reading_;  // of `nodes_`, while it is read only, and of `last_`
  /// The file that was read last, which mostly is opened next; no path: none, or the plan has changed.
  struct LastRead {
    std::string path;
    decltype(PlanNode::bytes) bytes;
  };
  mutable LastRead last_;
  bool has_derived_times_ = false;  ///< a node may be `made` or `passed`
  bool has_own_content_ = false;    ///< a node may have content that another shares
  // Files are put directory by directory: what was found out about the last directory is asked for again and again.
  std::string taken_directory_;  ///< it and all above it are nodes; "" = not known of any
  mutable std::string asked_directory_ = "/";
  mutable bool asked_shows_ = false;  ///< whether the base shows what is in `asked_directory_`
};

}  // namespace ops
