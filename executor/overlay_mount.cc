#include "executor/overlay_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include "executor/mount_api.h"
#include "util/error.h"
#include "util/scope_exit.h"

namespace executor {
namespace {

constexpr std::size_t kMaxLayers = 500;

// fsconfig takes strings below 256 bytes; colons and backslashes mean something in upperdir, workdir and in the old
// syntax.
bool can_be_given_as_text(const std::string& path) {
  return path.size() < 256 && path.find_first_of("\\:,") == std::string::npos;
}

/// Paths as overlayfs takes them: themselves, or /proc/self/fd/N for awkward ones (the descriptors live as long as this
/// object).
class LayerPaths {
 public:
  std::string text(const std::string& path) {
    if (can_be_given_as_text(path)) return path;
    return "/proc/self/fd/" + number(path);
  }
  /// The bare number: relative to /proc/self/fd.
  std::string number(const std::string& path) {
    fds_.push_back(util::open_file(path, O_PATH | O_DIRECTORY));
    return std::to_string(fds_.back().get());
  }

 private:
  std::vector<util::Fd> fds_;
};

/// An overlay that was mounted with `volatile` leaves a mark in its work directory, and a second mount is refused
/// because of it.
void remove_volatile_mark(const std::string& work) {
  std::string mark = work + "/work/incompat/volatile";
  unlink((mark + "/dirty").c_str());
  rmdir(mark.c_str());
}

void add_options(FileSystemContext& context, const util::Mount& mount, bool user_namespace) {
  if (user_namespace) {
    if (!context.try_flag("userxattr")) {
      throw util::Error("mount a new `overlay`: this kernel does not allow it in a user namespace",
                        "Linux 5.12 or newer is needed");
    }
  } else {
    context.try_set("redirect_dir", "nofollow");
    context.try_set("metacopy", "off");
  }
  context.try_set("index", "off");
  // Syncs of a single package manager are of no use: what is kept is synced as a whole when the step has ended.
  if (!mount.upper.empty()) context.try_flag("volatile");
}

void add_upper(FileSystemContext& context, const util::Mount& mount, LayerPaths& paths) {
  if (mount.upper.empty()) return;
  remove_volatile_mark(mount.work);
  context.set("upperdir", paths.text(mount.upper));
  context.set("workdir", paths.text(mount.work));
}

/// Linux 6.7: one call per layer. nullopt when the kernel does not know that.
std::optional<util::Fd> mount_by_layers(const util::Mount& mount, bool user_namespace) {
  FileSystemContext context("overlay");
  LayerPaths paths;
  for (const std::string& lower : mount.lower) {
    if (context.try_set("lowerdir+", paths.text(lower))) continue;
    if (errno == EINVAL && &lower == &mount.lower.front()) return std::nullopt;
    util::SystemError error("use `" + lower + "` as a layer", errno);
    error.set_hint(mount_hint(error.code()));
    throw error;
  }
  add_upper(context, mount, paths);
  add_options(context, mount, user_namespace);
  return context.mount(mount_attributes(mount));
}

/// All layers in one option of mount(2), which has room for 4095 bytes: so the layers are named by descriptor numbers,
/// relative to /proc/self/fd. That call cannot make a detached mount, hence the detour over a directory that is
/// uncovered again.
util::Fd mount_by_option(const util::Mount& mount, bool user_namespace) {
  LayerPaths paths;
  std::string options = "lowerdir=";
  for (const std::string& lower : mount.lower) {
    if (options.back() != '=') options += ':';
    options += paths.number(lower);
  }
  if (!mount.upper.empty()) {
    remove_volatile_mark(mount.work);
    options += ",upperdir=" + paths.number(mount.upper) + ",workdir=" + paths.number(mount.work) + ",volatile";
  }
  options += user_namespace ? ",userxattr" : ",redirect_dir=nofollow,metacopy=off";
  options += ",index=off";
  util::Fd here = util::open_file(".", O_PATH | O_DIRECTORY);
  std::string place = mount.upper.empty() ? mount.lower.front() : mount.upper;
  if (chdir("/proc/self/fd") != 0) util::throw_errno("enter `/proc/self/fd`");
  util::ScopeExit back([&] { (void)!fchdir(here.get()); });
  if (::mount("overlay", place.c_str(), "overlay", 0, options.c_str()) != 0) {
    util::SystemError error("mount an overlay of " + std::to_string(mount.lower.size()) + " layers", errno);
    error.set_hint(mount_hint(error.code()));
    throw error;
  }
  util::ScopeExit uncover([&] { umount2(place.c_str(), MNT_DETACH); });
  util::Fd detached = clone_mount(AT_FDCWD, place, false);
  add_mount_attributes(detached.get(), mount_attributes(mount), false);
  return detached;
}

}  // namespace

util::Fd mount_overlay(const util::Mount& mount, bool user_namespace) {
  if (mount.lower.empty()) throw util::Error("mount an overlay: it has no layers");
  if (mount.lower.size() > kMaxLayers) {
    throw util::Error("mount an overlay of " + std::to_string(mount.lower.size()) + " layers: the kernel can stack " +
                          std::to_string(kMaxLayers),
                      "join steps of the Dockerfile, or start from an image with fewer layers");
  }
  try {
    if (mount.lower.size() == 1 && mount.upper.empty()) {
      util::Fd single = clone_mount(AT_FDCWD, mount.lower.front(), false);
      util::Mount flags = mount;
      flags.read_only = true;
      add_mount_attributes(single.get(), mount_attributes(flags), false);
      return single;
    }
    bool forced_old_way = getenv("BUILDER_NO_LOWERDIR_ADD") != nullptr;
    if (!forced_old_way) {
      if (std::optional<util::Fd> fd = mount_by_layers(mount, user_namespace)) return std::move(*fd);
    }
    return mount_by_option(mount, user_namespace);
  } catch (util::SystemError& error) {
    if (error.code() == EINVAL && error.hint().empty()) {
      error.set_hint(
          "the storage directory may be on a file system that cannot hold an overlay's upper layer (another overlay, "
          "NFS); choose a directory on a local file system such as ext4, xfs or tmpfs");
    }
    throw;
  }
}

}  // namespace executor
