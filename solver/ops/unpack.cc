#include "solver/ops/unpack.h"

#include <vector>

#include "cache/selection.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/tar.h"
#include "util/text.h"

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

/// The only attribute that the layers of BuildKit carry.
constexpr const char* kCapabilities = "security.capability";

/// What is below a directory of a plan, as if that were the root.
class Below final : public cache::Tree {
 public:
  Below(const LayerPlan& plan, const std::string& directory) : plan_(plan), directory_(directory) {}
  std::optional<oci::LayerEntry> find(const std::string& path) const override { return plan_.find(inside(path)); }
  std::vector<std::string> list(const std::string& path) const override { return plan_.list(inside(path)); }
  std::unique_ptr<util::Reader> open(const std::string& path) const override { return plan_.open(inside(path)); }
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override {
    return plan_.content_digest(inside(path), stop);
  }

 private:
  std::string inside(const std::string& path) const { return cache::join_path(directory_, path); }
  const LayerPlan& plan_;
  const std::string& directory_;
};

class Unpacker {
 public:
  Unpacker(LayerPlan& plan, std::string destination, const std::optional<UserIds>& owner, Spool& spool)
      : plan_(plan), destination_(std::move(destination)), owner_(owner), spool_(spool) {
    implied_.mode = 0755;
    if (owner_) {
      implied_.uid = owner_->uid;
      implied_.gid = owner_->gid;
    }
    destination_ = cache::resolve_path(plan_, destination_, true);
    plan_.make_directories(destination_, implied_, DirectoryTime::of_content);
  }

  void add(const util::TarEntry& member, util::Reader& content) {
    const std::string relative = member_path(member.path);
    if (relative.empty()) return;  // the destination itself keeps what it has
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
  /// Path of the plan for a member: its directories are made, links in them followed as if the destination were the
  /// root.
  std::string place(const std::string& relative) {
    const std::string parent = resolved(cache::parent_path(relative), true);
    plan_.make_directories(parent, implied_, DirectoryTime::of_content);
    return cache::join_path(parent, cache::base_name(relative));
  }

  std::string resolved(const std::string& relative, bool follow_last) const {
    return cache::join_path(destination_, cache::resolve_path(Below(plan_, destination_), relative, follow_last));
  }

  std::string link_target(const util::TarEntry& member) const {
    return resolved(member_path(member.link_target), false);
  }

  void add_hard_link(const util::TarEntry& member, const std::string& path) {
    const std::string target = link_target(member);
    std::optional<oci::LayerEntry> entry = plan_.find(target);
    if (!entry || entry->is_directory()) {
      throw util::Error("member `" + member.path + "` is a hard link to `" + member.link_target +
                        "`, which is not there");
    }
    if (entry->is_file()) {
      plan_.link(target, path);
      // tar(1) and docker give the file what its last header says.
      const std::uint32_t uid = owner_ ? owner_->uid : member.uid;
      const std::uint32_t gid = owner_ ? owner_->gid : member.gid;
      if (entry->mode != member.mode || entry->uid != uid || entry->gid != gid || entry->mtime != member.mtime) {
        plan_.change_file(path, member.mode, uid, gid, member.mtime);
      }
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
    if (const auto found = member.xattrs.find(kCapabilities); found != member.xattrs.end()) entry.xattrs.edit().insert(*found);
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
  oci::LayerEntry implied_;  // metadata of directories that the archive implies
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
