#include "solver/ops/copy_action.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/selection.h"
#include "solver/ops/chmod_mode.h"
#include "solver/ops/owner.h"
#include "solver/ops/unpack.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/pattern.h"

namespace ops {
namespace {

bool names_a_directory(std::string_view destination) {
  return destination.empty() || destination.ends_with('/') || destination.ends_with("/.") ||
         destination.ends_with("/..") || destination == "." || destination == "..";
}

class Copier {
 public:
  Copier(LayerPlan& plan, std::shared_ptr<const cache::Tree> source, const llb::CopyAction& action, Spool& spool,
         std::stop_token stop)
      : plan_(plan), source_(std::move(source)), action_(action), exclude_(action.exclude), spool_(spool), stop_(stop) {
    if (action_.owner && !action_.owner->text.empty()) {
      owner_ = look_up_owner(plan_, action_.owner->text, UnknownName::error);
    }
    if (!action_.mode.empty()) mode_.emplace(action_.mode);
    new_directory_.mode = mode_ ? mode_->apply(0755, true) : 0755;
    new_directory_.uid = owner_ ? owner_->uid : 0;
    new_directory_.gid = owner_ ? owner_->gid : 0;
  }

  void run() {
    const std::vector<cache::Match> matches = cache::match_selection(*source_, selection_of(action_));
    if (action_.parents) {
      copy_with_parents(matches);
      return;
    }
    if (matches.empty() && !action_.allow_empty_wildcard) throw util::Error("\"" + action_.source + "\": not found");
    for (const cache::Match& match : matches) {
      // Hard links are kept within one source.
      links_.clear();
      copies_.clear();
      const bool unpacked = action_.unpack && match.entry.is_file() &&
                            unpack_archive(plan_, *source_, match.resolved, action_.destination, owner_, spool_, stop_);
      if (!unpacked) copy_match(match);
    }
  }

 private:
  void make_destination_parents() {
    const std::string directory = names_a_directory(action_.destination)
                                      ? action_.destination
                                      : cache::parent_path(util::clean_relative(action_.destination));
    plan_.make_directories(cache::resolve_path(plan_, directory, true), new_directory_, DirectoryTime::of_content);
  }

  /// A directory that is the destination of a directory is made with the source's time, and keeps its own metadata when
  /// it is there already.
  void make_destination_directory(const std::string& path, const oci::LayerEntry& source) {
    if (const auto existing = plan_.find(path); existing && !existing->is_directory()) {
      throw util::Error("cannot copy a directory onto `/" + path + "`, which is not a directory");
    }
    oci::LayerEntry like = new_directory_;
    like.mtime = source.mtime;
    plan_.make_directories(cache::parent_path(path), new_directory_, DirectoryTime::of_content);
    plan_.make_directories(path, like, DirectoryTime::given);
  }

  void copy_match(const cache::Match& match) {
    make_destination_parents();
    std::string destination = cache::resolve_path(plan_, action_.destination, true);
    const std::optional<oci::LayerEntry> existing = plan_.find(destination);
    if (match.entry.is_directory()) {
      if (!action_.contents_only && existing) destination = cache::join_path(destination, cache::base_name(match.path));
      if (action_.contents_only) make_destination_directory(destination, match.entry);
    } else if (existing && existing->is_directory()) {
      destination = cache::join_path(destination, cache::base_name(match.path));
    }
    // A link of the image may lead to where nothing is yet.
    plan_.make_directories(cache::parent_path(destination), new_directory_, DirectoryTime::of_content);
    copy_tree(match, destination, !match.entry.is_directory() || !action_.contents_only);
  }

  void copy_with_parents(const std::vector<cache::Match>& matches) {
    make_destination_parents();
    const std::string destination = cache::resolve_path(plan_, action_.destination, true);
    for (const cache::Match& match : matches) {
      const std::string base = match.path.substr(0, match.path.size() - match.kept.size());
      if (const auto base_entry = source_->find(util::clean_relative(base))) {
        make_destination_directory(destination, *base_entry);
      }
      for (std::size_t slash = match.kept.find('/'); slash != std::string::npos;
           slash = match.kept.find('/', slash + 1)) {
        const std::string kept = match.kept.substr(0, slash);
        keep_parent(base + kept, cache::join_path(destination, kept));
      }
      copy_tree(match, cache::join_path(destination, match.kept), !match.kept.empty());
    }
  }

  /// A directory between the destination and a match of `--parents`: like in the source, unless it is there.
  void keep_parent(const std::string& from, const std::string& to) {
    const std::optional<oci::LayerEntry> existing = plan_.find(to);
    if (existing && existing->is_directory()) return;
    if (existing) throw util::Error("cannot copy a directory onto `/" + to + "`, which is not a directory");
    std::optional<oci::LayerEntry> entry = source_->find(cache::resolve_path(*source_, from, true));
    if (!entry || !entry->is_directory()) throw util::Error("copy `/" + from + "`: not a directory");
    place(to, *entry);
  }

  void copy_tree(const cache::Match& match, const std::string& destination, bool with_top) {
    copy_ = std::make_shared<const CopiedFiles>(CopiedFiles{source_, match.resolved, destination});
    copies_.emplace(match.resolved, copy_);
    const auto visit = [&](const std::string& relative, oci::LayerEntry& entry) {
      if (!relative.empty() || with_top) place(cache::join_path(destination, relative), std::move(entry));
    };
    cache::walk(*source_, match, exclude_, visit, stop_);
  }

  void place(std::string path, oci::LayerEntry from) {
    if (from.type == util::FileType::socket) return;
    const std::optional<oci::LayerEntry> existing = plan_.find(path);
    if (existing && existing->is_directory() != from.is_directory()) {
      throw util::Error(from.is_directory() ? "cannot copy a directory onto `/" + path + "`, which is not a directory"
                                            : "cannot replace directory `/" + path + "` with a file");
    }
    const bool is_file = from.is_file();
    FileContentRef content = is_file ? shared_content(from) : nullptr;
    // A layer whose digests are all known need not be read to be recognised; what is unknown is hashed when it is read.
    if (is_file && from.content.empty()) from.content = source_->known_digest(from.path).value_or(util::Digest());
    oci::LayerEntry entry = std::move(from);
    entry.path = std::move(path);
    if (owner_) {
      entry.uid = owner_->uid;
      entry.gid = owner_->gid;
    }
    if (mode_ && entry.type != util::FileType::symlink) entry.mode = mode_->apply(entry.mode, entry.is_directory());
    if (is_file && content == nullptr) {
      plan_.put(std::move(entry), copy_);
    } else {
      plan_.put(std::move(entry), std::move(content));
    }
  }

  /// Names of one file in the source share their content here, so that they become hard links in the layer. Null for a
  /// file of which no other name was seen.
  FileContentRef shared_content(const oci::LayerEntry& from) {
    if (from.hard_link.empty() && links_.empty()) return nullptr;
    const std::string name = inode_name(from);
    const auto known = links_.find(name);
    if (known != links_.end()) return known->second;
    if (name == from.path) return nullptr;
    FileContentRef content = content_placed(name);
    if (content == nullptr) content = content_in(source_, from.path);
    return links_.emplace(name, std::move(content)).first->second;
  }

  /// Of the file `name` of the source, if it was copied already.
  FileContentRef content_placed(const std::string& name) {
    for (std::string from = name;; from = cache::parent_path(from)) {
      const auto [first, last] = copies_.equal_range(from);
      for (auto copy = first; copy != last; ++copy) {
        const std::string place = copy->second->place_of(name).value();
        if (FileContentRef content = plan_.share_content(place, *copy->second)) return content;
      }
      if (from.empty()) return nullptr;
    }
  }

  /// The path under which all names of a file are known. In a merged tree the first name may meanwhile be another file.
  std::string inode_name(const oci::LayerEntry& from) const {
    if (from.hard_link.empty()) return from.path;
    const std::optional<oci::LayerEntry> first = source_->find(from.hard_link);
    const auto same_content = [&] {
      return first->content.empty() || from.content.empty() || first->content == from.content;
    };
    const bool same = first && first->is_file() && same_content() && first->size == from.size &&
                      first->mtime == from.mtime && first->mode == from.mode && first->uid == from.uid &&
                      first->gid == from.gid;
    return same ? *from.hard_link : from.path;
  }

  LayerPlan& plan_;
  std::shared_ptr<const cache::Tree> source_;
  const llb::CopyAction& action_;
  util::PatternMatcher exclude_;
  Spool& spool_;
  std::stop_token stop_;
  std::optional<UserIds> owner_;
  std::optional<ChmodMode> mode_;
  oci::LayerEntry new_directory_;  // metadata of directories made on the way
  CopiedFilesRef copy_;  ///< that is being made
  // Within which hard links are kept.
  std::multimap<std::string, CopiedFilesRef> copies_;  ///< by where they are in the source
  std::map<std::string, FileContentRef> links_;  ///< of files with several names, by the name that all are known under
};

}  // namespace

cache::PathSelection selection_of(const llb::CopyAction& action) {
  cache::PathSelection selection;
  selection.path = action.source;
  selection.wildcard = action.allow_wildcard;
  selection.follow_links = !action.parents;
  selection.exclude = action.exclude;
  selection.parents = action.parents;
  return selection;
}

void plan_copy(LayerPlan& plan, const std::shared_ptr<const cache::Tree>& source, const llb::CopyAction& action,
               Spool& spool, std::stop_token stop) {
  Copier(plan, source, action, spool, std::move(stop)).run();
}

}  // namespace ops
