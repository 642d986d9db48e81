#include "solver/ops/unpack.h"

#include <vector>

#include "cache/selection.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/tar.h"
#include "util/text.h"
#include "util/time.h"

namespace ops {
namespace {

/// Clean relative name of a member; throws when its text leads out of the destination.
std::string member_path(const std::string& name) {
  int depth = 0;
  for (const std::string& part : util::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) throw util::Error("member `" + name + "` lies outside the archive's directory");
  }
  return util::clean_relative(name);
}

bool is_overlay_xattr(const std::string& name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

class Unpacker {
 public:
  Unpacker(LayerPlan& plan, std::string destination, const std::optional<UserIds>& owner, Spool& spool)
      : plan_(plan), destination_(std::move(destination)), owner_(owner), spool_(spool) {
    implied_.mode = 0755;
    implied_.mtime = util::now_nanoseconds();
    if (owner_) {
      implied_.uid = owner_->uid;
      implied_.gid = owner_->gid;
    }
    plan_.make_directories(cache::resolve_path(plan_, destination_, true), implied_);
  }

  void add(const util::TarEntry& member, util::Reader& content) {
    const std::string relative = member_path(member.path);
    if (relative.empty()) return;   // the destination itself keeps what it has
    const std::string path = place(relative);
    const std::optional<oci::LayerEntry> existing = plan_.find(path);
    const bool is_directory = member.type == util::FileType::directory && !member.hard_link;
    if (existing && !(existing->is_directory() && is_directory)) {
      // A link to itself would lose its content.
      if (member.hard_link && link_target(member) == path) return;
      plan_.remove(path);
    }
    if (member.hard_link) {
      add_hard_link(member, path);
    } else {
      add_entry(member, path, content);
    }
  }

 private:
  /// Path of the plan for a member: its directories are made, links in them followed as if the plan were the root.
  std::string place(const std::string& relative) {
    const std::string parent =
        cache::resolve_path(plan_, cache::join_path(destination_, cache::parent_path(relative)), true);
    plan_.make_directories(parent, implied_);
    return cache::join_path(parent, cache::base_name(relative));
  }

  std::string link_target(const util::TarEntry& member) const {
    return cache::resolve_path(plan_, cache::join_path(destination_, member_path(member.link_target)), false);
  }

  void add_hard_link(const util::TarEntry& member, const std::string& path) {
    const std::string target = link_target(member);
    std::optional<oci::LayerEntry> entry = plan_.find(target);
    if (!entry || entry->is_directory()) {
      throw util::Error("member `" + member.path + "` is a hard link to `" + member.link_target + "`, which is not there");
    }
    if (entry->is_file()) {
      plan_.link(target, path);
      return;
    }
    entry->path = path;
    plan_.put(std::move(*entry));
  }

  void add_entry(const util::TarEntry& member, const std::string& path, util::Reader& content) {
    oci::LayerEntry entry;
    entry.path = path;
    entry.type = member.type;
    entry.mode = member.mode;
    entry.uid = owner_ ? owner_->uid : member.uid;
    entry.gid = owner_ ? owner_->gid : member.gid;
    entry.mtime = member.mtime;
    entry.device_major = member.device_major;
    entry.device_minor = member.device_minor;
    entry.xattrs = member.xattrs;
    std::erase_if(entry.xattrs, [](const auto& xattr) { return is_overlay_xattr(xattr.first); });
    if (member.type == util::FileType::symlink) entry.link_target = member.link_target;
    if (member.type == util::FileType::regular) {
      Spool::Item item = spool_.add(content);
      entry.size = item.size;
      entry.content = item.digest;
      plan_.put(std::move(entry), std::move(item.content));
    } else {
      plan_.put(std::move(entry));
    }
  }

  LayerPlan& plan_;
  std::string destination_;
  std::optional<UserIds> owner_;
  Spool& spool_;
  oci::LayerEntry implied_;   // metadata of directories that the archive implies
};

}  // namespace

bool unpack_archive(LayerPlan& plan, const cache::Tree& tree, const std::string& path, const std::string& destination,
                    const std::optional<UserIds>& owner, Spool& spool, std::stop_token stop) {
  const std::unique_ptr<util::Reader> file = tree.open(path);
  std::unique_ptr<util::Reader> data;
  std::unique_ptr<util::TarReader> archive;
  std::optional<util::TarEntry> member;
  try {
    data = util::make_decompressor(*file);
    archive = std::make_unique<util::TarReader>(*data);
    member = archive->next();
  } catch (const util::Error&) {
    return false;
  }
  if (!member) return false;
  util::with_context("unpack `/" + path + "`", [&] {
    Unpacker unpacker(plan, destination, owner, spool);
    for (; member; member = archive->next()) {
      if (stop.stop_requested()) throw util::Cancelled();
      unpacker.add(*member, archive->content());
    }
  });
  return true;
}

}  // namespace ops
