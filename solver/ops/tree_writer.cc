#include "solver/ops/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "cache/selection.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/pattern.h"
#include "util/stream.h"

namespace ops {
namespace {

[[noreturn]] void throw_create(const std::string& path) {
  util::throw_errno("create `" + path + "`");
}

timespec to_timespec(util::Nanoseconds time) {
  timespec value{time / 1'000'000'000, time % 1'000'000'000};
  if (value.tv_nsec < 0) {
    value.tv_nsec += 1'000'000'000;
    --value.tv_sec;
  }
  return value;
}

void set_time(int root, const std::string& path, util::Nanoseconds mtime) {
  const timespec times[2] = {{0, UTIME_OMIT}, to_timespec(mtime)};
  utimensat(root, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

mode_t node_type(util::FileType type) {
  switch (type) {
    case util::FileType::char_device:
      return S_IFCHR;
    case util::FileType::block_device:
      return S_IFBLK;
    default:
      return S_IFIFO;
  }
}

/// False when the entry cannot exist here.
bool create(int root, const cache::Tree& tree, const oci::LayerEntry& entry) {
  const std::string& path = entry.path;
  switch (entry.type) {
    case util::FileType::directory:
      if (mkdirat(root, path.c_str(), 0700) != 0) throw_create(path);
      return true;
    case util::FileType::symlink:
      if (symlinkat(entry.link_target->c_str(), root, path.c_str()) != 0) throw_create(path);
      return true;
    case util::FileType::regular: {
      const util::Fd file = util::open_at(root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
      util::FdWriter writer(file.get());
      util::copy(*tree.open(path), writer);
      return true;
    }
    case util::FileType::socket:
      return false;
    default:
      if (mknodat(root, path.c_str(), node_type(entry.type) | 0600, makedev(entry.device_major, entry.device_minor)) ==
          0) {
        return true;
      }
      if (errno == EPERM) return false;
      throw_create(path);
  }
}

void set_metadata(int root, const oci::LayerEntry& entry) {
  const std::string& path = entry.path;
  if (fchownat(root, path.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    util::throw_errno("change owner of `" + path + "`");
  }
  if (entry.type == util::FileType::symlink) return;
  for (const auto& [name, value] : entry.xattrs) {
    try {
      util::set_xattr(root, path, name, value);
    } catch (const util::SystemError&) {
      // Not every file system takes every attribute; a cache can do without.
    }
  }
  if (fchmodat(root, path.c_str(), entry.mode, 0) != 0) util::throw_errno("change mode of `" + path + "`");
}

}  // namespace

void set_owner_and_mode(const std::filesystem::path& path, std::uint32_t uid, std::uint32_t gid, std::uint32_t mode) {
  if (lchown(path.c_str(), uid, gid) != 0) util::throw_errno("change owner of `" + path.string() + "`");
  if (chmod(path.c_str(), mode) != 0) util::throw_errno("change mode of `" + path.string() + "`");
}

void write_tree(const cache::Tree& tree, const std::filesystem::path& to, std::stop_token stop) {
  const util::Fd root = util::open_file(to, O_RDONLY | O_DIRECTORY);
  cache::PathSelection all;
  std::vector<oci::LayerEntry> directories;
  for (const cache::Match& match : cache::match_selection(tree, all)) {
    cache::walk(tree, match, util::PatternMatcher(), [&](const std::string& relative, const oci::LayerEntry& entry) {
      if (stop.stop_requested()) throw util::Cancelled();
      if (relative.empty() || !create(root.get(), tree, entry)) return;
      if (entry.is_directory()) {
        directories.push_back(entry);
      } else {
        set_metadata(root.get(), entry);
        set_time(root.get(), entry.path, entry.mtime);
      }
    });
  }
  // Backwards, so that a time is set when nothing changes in the directory any more.
  for (auto entry = directories.rbegin(); entry != directories.rend(); ++entry) {
    set_metadata(root.get(), *entry);
    set_time(root.get(), entry->path, entry->mtime);
  }
}

}  // namespace ops
