#include "solver/ops/file_actions.h"

#include <string>

#include "cache/selection.h"
#include "solver/ops/chmod_mode.h"
#include "solver/ops/copy_action.h"
#include "solver/ops/owner.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/time.h"

namespace ops {
namespace {

/// Metadata of a new directory.
oci::LayerEntry directory_like(std::uint32_t mode, const UserIds& owner, std::optional<std::int64_t> mtime) {
  oci::LayerEntry entry;
  entry.mode = mode;
  entry.uid = owner.uid;
  entry.gid = owner.gid;
  entry.mtime = mtime.value_or(util::now_nanoseconds());
  return entry;
}

UserIds owner_of(const LayerPlan& plan, const std::optional<llb::Owner>& owner, UnknownName unknown) {
  return owner ? look_up_owner(plan, owner->text, unknown) : UserIds{};
}

/// A non-directory is going to stand at `path`.
void require_no_directory(const LayerPlan& plan, const std::string& path) {
  if (const auto existing = plan.find(path); existing && existing->is_directory()) {
    throw util::Error("create `/" + path + "`: it is a directory");
  }
}

struct Planner {
  LayerPlan& plan;
  const SourceTrees& sources;
  Spool& spool;
  std::stop_token stop;

  void operator()(const llb::CopyAction& action) const { plan_copy(plan, sources(action.input), action, spool, stop); }

  void operator()(const llb::MkdirAction& action) const {
    const std::string path = cache::resolve_path(plan, action.path, true);
    if (!action.make_parents && !plan.find(cache::parent_path(path))) {
      throw util::Error("create directory `/" + path + "`: `/" + cache::parent_path(path) + "` is not there");
    }
    // USER may name somebody whom only a later step creates; a RUN would say so.
    const UserIds owner = owner_of(plan, action.owner, UnknownName::is_root);
    plan.make_directories(path, directory_like(action.mode & 07777, owner, action.mtime), DirectoryTime::given);
  }

  void operator()(const llb::MkfileAction& action) const {
    std::string path = cache::resolve_path(plan, action.path, true);
    if (const auto existing = plan.find(path); existing && existing->is_directory() && !action.name.empty()) {
      path = cache::resolve_path(plan, cache::join_path(path, action.name), true);
    }
    require_no_directory(plan, path);
    const UserIds owner = owner_of(plan, action.owner, UnknownName::error);
    plan.make_directories(cache::parent_path(path), directory_like(0755, owner, std::nullopt),
                          DirectoryTime::of_content);
    oci::LayerEntry entry = directory_like(action.mode & 07777, owner, std::nullopt);
    entry.path = path;
    entry.type = util::FileType::regular;
    if (!action.mode_text.empty()) entry.mode = ChmodMode(action.mode_text).apply(entry.mode, false);
    entry.size = action.data.size();
    entry.content = util::sha256_of(action.data);
    auto content = std::make_shared<FileContent>();
    content->open = [data = action.data] { return std::make_unique<util::StringReader>(data); };
    plan.put(std::move(entry), std::move(content));
  }

  void operator()(const llb::RemoveAction& action) const {
    const std::string path = cache::resolve_path(plan, action.path, false);
    if (!action.allow_missing && !plan.find(path)) throw util::Error("\"/" + path + "\": not found");
    if (!path.empty()) {
      plan.remove(path);
      return;
    }
    for (const std::string& name : plan.list("")) plan.remove(name);
  }

  void operator()(const llb::SymlinkAction& action) const {
    const std::string path = cache::resolve_path(plan, action.path, false);
    require_no_directory(plan, path);
    plan.make_directories(cache::parent_path(path), directory_like(0755, {}, std::nullopt), DirectoryTime::of_content);
    oci::LayerEntry entry = directory_like(0777, {}, std::nullopt);
    entry.path = path;
    entry.type = util::FileType::symlink;
    entry.link_target = action.target;
    plan.put(std::move(entry));
  }
};

}  // namespace

void plan_action(LayerPlan& plan, const llb::FileAction& action, const SourceTrees& sources, Spool& spool,
                 std::stop_token stop) {
  std::visit(Planner{plan, sources, spool, std::move(stop)}, action);
}

}  // namespace ops
