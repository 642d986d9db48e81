#include "solver/ops/sub_view.h"

#include <fcntl.h>

#include <optional>

#include "util/check.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace ops {
namespace {

bool is_whiteout(const util::FileStat& stat) {
  return stat.type == util::FileType::char_device && stat.rdev_major == 0 && stat.rdev_minor == 0;
}

bool is_opaque(const std::string& directory) {
  const std::map<std::string, std::string> xattrs = util::read_xattrs(AT_FDCWD, directory);
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    if (const auto found = xattrs.find(name); found != xattrs.end() && found->second == "y") return true;
  }
  return false;
}

}  // namespace

SubView overlay_part(const std::vector<std::string>& lower, const std::string& path) {
  const std::vector<std::string> parts = util::split(path, '/');
  SubView view;
  for (const std::string& layer : lower) {
    std::string at = layer;
    bool present = true, hides_lower = false;
    for (std::size_t i = 0; i < parts.size() && present; ++i) {
      at += "/" + parts[i];
      const std::optional<util::FileStat> stat = util::find_stat_at(AT_FDCWD, at);
      if (!stat) {
        present = false;
      } else if (stat->type != util::FileType::directory) {
        hides_lower = true;
        present = false;
        const bool is_last = i + 1 == parts.size();
        if (is_last && !is_whiteout(*stat) && view.directories.empty()) view.file = at;
      } else if (is_opaque(at)) {
        hides_lower = true;
      }
    }
    if (present) view.directories.push_back(at);
    if (hides_lower) break;
  }
  return view;
}

std::vector<util::Mount> mount_part(std::vector<util::Mount> whole, const std::string& path, const std::string& target,
                                    bool read_only) {
  CHECK(!whole.empty());
  for (util::Mount& mount : whole) {
    mount.target = target;
    mount.read_only = mount.read_only || read_only;
  }
  if (path.empty()) return whole;
  util::Mount mount = whole.front();
  if (mount.type == util::Mount::Type::bind) {
    mount.source += "/" + path;
    return {mount};
  }
  CHECK(mount.type == util::Mount::Type::overlay);
  SubView view = overlay_part(mount.lower, path);
  if (view.directories.empty() && view.file.empty())
    throw util::Error("mount `/" + path + "`: not found in its layers");
  const bool writable = !mount.upper.empty() && !read_only;
  if (view.file.empty() && (writable || view.directories.size() > 1)) {
    mount.lower = std::move(view.directories);
    if (!writable) mount.upper = mount.work = "";
    return {mount};
  }
  // The kernel takes no overlay of one directory that is not writable.
  util::Mount bind;
  bind.target = target;
  bind.source = view.file.empty() ? view.directories.front() : view.file;
  bind.read_only = true;
  return {bind};
}

}  // namespace ops
