#include "cache/layer_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <sstream>
#include <unordered_map>

#include "cache/selection.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace cache {
namespace {

bool in_user_namespace() {
  std::istringstream map;
  try {
    map.str(util::read_file("/proc/self/uid_map", 1 << 20));
  } catch (const util::Error&) {
    return false;
  }
  std::uint64_t inside = 1, outside = 1, count = 0;
  map >> inside >> outside >> count;
  return !(inside == 0 && outside == 0 && count == 4294967295u);
}

DirectoryForm make_form() {
  if (::geteuid() != 0) return {'p', false, "user.overlay.opaque"};
  if (in_user_namespace()) return {'u', true, "user.overlay.opaque"};
  return {'r', true, "trusted.overlay.opaque"};
}

bool is_opaque(const std::map<std::string, std::string>& xattrs) {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    auto found = xattrs.find(name);
    if (found != xattrs.end() && found->second == "y") return true;
  }
  return false;
}

void refuse_redirects(const std::map<std::string, std::string>& xattrs, const std::string& path) {
  for (const char* name : {"redirect", "metacopy"}) {
    for (const char* space : {"trusted.overlay.", "user.overlay."}) {
      if (!xattrs.contains(std::string(space) + name)) continue;
      throw util::Error(fmt::format("read changes of `/{}`: overlayfs left a `{}` in it", path, name),
                        "the overlay was mounted with redirect_dir or metacopy on; set BUILDER_SNAPSHOTTER=copy");
    }
  }
}

class Scanner {
 public:
  std::vector<oci::LayerEntry> run(const std::filesystem::path& directory) {
    util::Fd root = util::open_file(directory, O_RDONLY | O_DIRECTORY);
    scan(root.get(), "");
    return std::move(entries_);
  }

 private:
  void scan(int directory, const std::string& path) {
    for (const util::DirEntry& name : util::list_directory(directory)) {
      std::string below = join_path(path, name.name);
      util::FileStat stat = util::stat_at(directory, name.name);
      if (stat.type == util::FileType::socket) continue;
      entries_.push_back(make_entry(directory, name.name, below, stat));
      if (stat.type != util::FileType::directory) continue;
      util::Fd fd = util::open_at(directory, name.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      scan(fd.get(), below);
    }
  }

  oci::LayerEntry make_entry(int directory, const std::string& name, const std::string& path,
                             const util::FileStat& stat) {
    oci::LayerEntry entry;
    entry.path = path;
    if (stat.type == util::FileType::char_device && stat.rdev_major == 0 && stat.rdev_minor == 0) {
      entry.kind = oci::LayerEntry::Kind::whiteout;
      return entry;
    }
    entry.type = stat.type;
    entry.mode = stat.mode;
    entry.uid = stat.uid;
    entry.gid = stat.gid;
    entry.mtime = stat.mtime;
    entry.xattrs = util::read_xattrs(directory, name);
    if (stat.type == util::FileType::directory && is_opaque(entry.xattrs)) entry.kind = oci::LayerEntry::Kind::opaque;
    refuse_redirects(entry.xattrs, path);
    if (!entry.xattrs.empty()) std::erase_if(entry.xattrs.edit(), [](const auto& xattr) { return is_internal_xattr(xattr.first); });
    if (stat.type == util::FileType::symlink) entry.link_target = util::read_link_at(directory, name);
    if (stat.type == util::FileType::char_device || stat.type == util::FileType::block_device) {
      entry.device_major = stat.rdev_major;
      entry.device_minor = stat.rdev_minor;
    }
    if (stat.type == util::FileType::regular) {
      entry.size = stat.size;
      if (stat.link_count > 1) {
        // Directories are visited in path order, so the first name is the one the others refer to.
        auto [first, is_new] = inodes_.try_emplace({stat.device, stat.inode}, path);
        if (!is_new) entry.hard_link = first->second;
      }
    }
    return entry;
  }

  std::vector<oci::LayerEntry> entries_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> inodes_;
};

}  // namespace

const DirectoryForm& directory_form() {
  static const DirectoryForm form = make_form();
  return form;
}

bool is_internal_xattr(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.") || name == "security.selinux";
}

std::vector<oci::LayerEntry> scan_layer_directory(const std::filesystem::path& directory) {
  return Scanner().run(directory);
}

std::vector<std::string> read_implied(const std::filesystem::path& layer_directory) {
  std::filesystem::path file = layer_directory.parent_path() / "implied";
  util::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::vector<std::string> paths = util::split(util::read_to_end(fd.get()), '\0');
  std::erase(paths, "");
  return paths;
}

void write_implied(const std::filesystem::path& layer_directory, const std::vector<std::string>& implied) {
  if (implied.empty()) return;
  std::string text;
  for (const std::string& path : implied) text.append(path).push_back('\0');
  util::Fd fd = util::open_file(layer_directory.parent_path() / "implied", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  util::write_all(fd.get(), text);
}

}  // namespace cache
