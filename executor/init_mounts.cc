#include "executor/init_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "executor/mount_api.h"
#include "executor/overlay_mount.h"
#include "util/error.h"
#include "util/fs.h"

namespace executor {
namespace {

using util::Mount;

bool is_directory(int fd) {
  return util::stat_at(fd, "").type == util::FileType::directory;
}

/// Mount points that are not taken away afterwards: those in /dev, /proc and /sys are made in file systems that end with the
/// sandbox; the three themselves stay in the layer when the image had none, as with BuildKit.
bool stays(const std::string& target) {
  if (target == "/dev" || target == "/proc" || target == "/sys") return true;
  return target.starts_with("/dev/") || target.starts_with("/proc/") || target.starts_with("/sys/");
}

std::string file_system_name(const Mount& mount) {
  switch (mount.type) {
    case Mount::Type::tmpfs:
      return "tmpfs";
    case Mount::Type::proc:
      return "proc";
    case Mount::Type::sysfs:
      return "sysfs";
    case Mount::Type::devpts:
      return "devpts";
    case Mount::Type::mqueue:
      return "mqueue";
    case Mount::Type::cgroup:
      return mount.source.empty() ? "cgroup2" : mount.source;
    case Mount::Type::bind:
    case Mount::Type::overlay:
      break;
  }
  throw util::Error("mount `" + mount.target + "`: not a file system of its own");
}

util::Fd new_file_system(const Mount& mount, const std::string& options) {
  FileSystemContext context(file_system_name(mount));
  if (mount.type == Mount::Type::tmpfs) {
    char mode[16];
    snprintf(mode, sizeof mode, "%o", mount.mode);
    context.set("mode", mode);
    if (mount.size != 0) context.set("size", std::to_string(mount.size));
  }
  context.set_options(options);
  return context.mount(mount_attributes(mount));
}

/// The kernel says no: to this kind of mount, here. Any other error is a fault that must be seen.
bool is_refusal(const util::SystemError& error) {
  switch (error.code()) {
    case EPERM:
    case EACCES:
    case EINVAL:
    case ENODEV:
    case ENOSYS:
    case EBUSY:
    case ENOENT:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

void change_root_without_pivot() {
  // The root of this machine is the first file system of all (a ramfs), which cannot be swapped: cover it and go in.
  if (mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0)
    util::throw_errno("enter the sandbox's root");
}

}  // namespace

SandboxRoot::SandboxRoot(const SandboxPlan& plan) : plan_(plan) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    util::SystemError error("make the mounts private", errno);
    error.set_hint(mount_hint(error.code()));
    throw error;
  }
  FileSystemContext context("tmpfs");
  context.set("mode", "0700");
  context.try_flag("noswap");  // secrets are in here
  base_ = context.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  util::Fd staging = util::open_file(plan.staging, O_PATH | O_DIRECTORY);
  attach_mount(base_.get(), staging.get(), plan.staging);
  for (const char* name : {"root", "empty"}) {
    if (mkdirat(base_.get(), name, 0755) != 0) util::throw_errno("make the sandbox's root");
  }
  util::Fd place = util::open_at(base_.get(), "root", O_PATH | O_DIRECTORY);
  if (plan.root.empty() || plan.root.front().target != "/") throw util::Error("run in a sandbox: no root is given");
  root_ = util::with_context("mount the root", [&] {
    util::Fd fd = make_mount(plan.root.front(), {});
    attach_mount(fd.get(), place.get(), "/");
    return fd;
  });
  points_ = std::make_unique<MountPoints>(root_.get());
  for (std::size_t i = 1; i < plan.root.size(); ++i) {
    Step step;
    step.mount = plan.root[i];
    perform(step);
  }
}

util::Fd SandboxRoot::make_mount(const Mount& mount, const std::string& options) const {
  if (mount.type == Mount::Type::overlay) return mount_overlay(mount, plan_.user_namespace);
  if (mount.type != Mount::Type::bind) return new_file_system(mount, options);
  util::Fd fd = clone_mount(AT_FDCWD, mount.source, mount.recursive);
  add_mount_attributes(fd.get(), mount_attributes(mount), mount.recursive);
  return fd;
}

void SandboxRoot::add_mounts() {
  done_.reserve(plan_.steps.size());
  for (const Step& step : plan_.steps) perform(step);
}

void SandboxRoot::perform(const Step& step) {
  try {
    switch (step.kind) {
      case Step::Kind::mount:
        return perform_mount(step);
      case Step::Kind::file:
        return perform_file(step);
      case Step::Kind::device:
        return perform_device(step);
      case Step::Kind::link:
        return perform_link(step);
      case Step::Kind::mask:
        return perform_mask(step);
      case Step::Kind::read_only:
        return perform_read_only(step);
    }
  } catch (const util::SystemError& error) {
    if (!step.optional || !is_refusal(error)) throw;
  } catch (util::Error& error) {
    if (!step.optional) throw;
  }
}

void SandboxRoot::perform_mount(const Step& step) {
  const Mount& mount = step.mount;
  util::Fd fd = util::with_context("mount `" + mount.target + "`", [&] {
    try {
      return make_mount(mount, step.data);
    } catch (const util::SystemError& error) {
      if (!step.otherwise || !is_refusal(error)) throw;
      return make_mount(*step.otherwise, {});
    }
  });
  std::size_t stubs = points_->stub_count();
  util::Fd target = points_->open(mount.target, is_directory(fd.get()), !stays(mount.target));
  attach_mount(fd.get(), target.get(), mount.target);
  done_.push_back({mount.target, stubs});
}

void SandboxRoot::bind_over(const Mount& mount, const std::string& source) {
  util::Fd fd = clone_mount(base_.get(), source, false);
  add_mount_attributes(fd.get(), mount_attributes(mount), false);
  std::size_t stubs = points_->stub_count();
  util::Fd target = points_->open(mount.target, is_directory(fd.get()), !stays(mount.target));
  attach_mount(fd.get(), target.get(), mount.target);
  done_.push_back({mount.target, stubs});
}

void SandboxRoot::perform_file(const Step& step) {
  std::string name = "file" + std::to_string(files_++);
  util::Fd file = util::open_at(base_.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  util::write_all(file.get(), step.data);
  if (fchown(file.get(), step.uid, step.gid) != 0) {
    util::SystemError error(
        "give `" + step.mount.target + "` to " + std::to_string(step.uid) + ":" + std::to_string(step.gid), errno);
    if (error.code() == EINVAL)
      error.set_hint("this id is not among the subordinate ids in /etc/subuid and /etc/subgid");
    throw error;
  }
  if (fchmod(file.get(), step.mode) != 0) util::throw_errno("set the mode of `" + step.mount.target + "`");
  file.reset();
  bind_over(step.mount, name);
}

void SandboxRoot::perform_device(const Step& step) {
  if (!plan_.user_namespace) {
    std::string name;
    util::Fd parent = points_->open_parent(step.mount.target, name, false);
    if (mknodat(parent.get(), name.c_str(), S_IFCHR | step.mode, makedev(step.major, step.minor)) == 0) return;
    if (errno != EPERM) util::throw_errno("make the device `" + step.mount.target + "`");
  }
  util::Fd host = clone_mount(AT_FDCWD, step.mount.target, false);
  util::Fd target = points_->open(step.mount.target, false, false);
  attach_mount(host.get(), target.get(), step.mount.target);
}

void SandboxRoot::perform_link(const Step& step) {
  std::string name;
  util::Fd parent = points_->open_parent(step.mount.target, name, false);
  if (symlinkat(step.data.c_str(), parent.get(), name.c_str()) != 0 && errno != EEXIST) {
    util::throw_errno("make the link `" + step.mount.target + "`");
  }
}

void SandboxRoot::perform_mask(const Step& step) {
  util::Fd target = points_->find(step.mount.target);
  if (!target) return;
  util::Fd cover;
  if (is_directory(target.get())) {
    cover = clone_mount(base_.get(), "empty", false);
    add_mount_attributes(cover.get(), MOUNT_ATTR_RDONLY, false);
  } else {
    cover = clone_mount(AT_FDCWD, "/dev/null", false);
  }
  attach_mount(cover.get(), target.get(), step.mount.target);
}

void SandboxRoot::perform_read_only(const Step& step) {
  util::Fd target = points_->find(step.mount.target);
  if (!target) return;
  util::Fd copy = clone_mount(target.get(), "", true);
  add_mount_attributes(copy.get(), MOUNT_ATTR_RDONLY, true);
  attach_mount(copy.get(), target.get(), step.mount.target);
}

void SandboxRoot::enter() {
  if (fchdir(root_.get()) != 0) util::throw_errno("enter the sandbox's root");
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH) != 0) util::throw_errno("leave the host's root");
  } else if (errno == EINVAL) {
    change_root_without_pivot();
  } else {
    util::throw_errno("enter the sandbox's root");
  }
  if (chdir("/") != 0) util::throw_errno("enter the sandbox's root");
  base_.reset();
}

void SandboxRoot::remove_mount_points() noexcept {
  if (!points_) return;
  for (; !done_.empty() && points_->stub_count() > 0; done_.pop_back()) {
    const Done& last = done_.back();
    if (points_->stub_count() == last.stubs_before) continue;
    umount2(last.target.c_str(), MNT_DETACH);
    points_->remove_stubs(last.stubs_before);
  }
}

}  // namespace executor
