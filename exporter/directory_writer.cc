#include "exporter/directory_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "util/error.h"
#include "util/fs.h"
#include "util/scope_exit.h"

namespace exporter {
namespace {

constexpr util::Nanoseconds kSecond = 1'000'000'000;

std::array<timespec, 2> access_and_change(util::Nanoseconds time) {
  util::Nanoseconds seconds = time / kSecond - (time % kSecond < 0 ? 1 : 0);
  timespec value{};
  value.tv_sec = static_cast<time_t>(seconds);
  value.tv_nsec = static_cast<long>(time - seconds * kSecond);
  return {value, value};
}

[[noreturn]] void fail(const char* what, const oci::LayerEntry& entry) {
  util::throw_errno(fmt::format("{} `{}`", what, entry.path));
}

/// Those that anybody may set on his own files. Where the file system has none, they are lost, as in any copy.
void set_user_xattrs(const oci::LayerEntry& entry, int directory, const std::string& name) {
  for (const auto& [key, value] : entry.xattrs) {
    if (!key.starts_with("user.")) continue;
    try {
      util::set_xattr(directory, name, key, value);
    } catch (const util::SystemError&) {
    }
  }
}

/// Mode and time of what is no link.
void set_metadata(const oci::LayerEntry& entry, int fd) {
  if (::fchmod(fd, entry.mode & 07777) != 0) fail("set the mode of", entry);
  if (::futimens(fd, access_and_change(entry.mtime).data()) != 0) fail("set the time of", entry);
}

}  // namespace

DirectoryWriter::DirectoryWriter(std::filesystem::path destination, util::ProgressTask& task, std::stop_token stop)
    : destination_(std::move(destination)),
      top_(util::open_file(destination_, O_RDONLY | O_DIRECTORY)),
      task_(task),
      stop_(std::move(stop)),
      buffer_(std::size_t{256} << 10) {}

void DirectoryWriter::write(const RootTree& root, const std::string& part) {
  part_ = part;
  written_ = 0;
  task_.bytes(part_, 0, 0);
  if (root.prefix.empty()) {
    write_children(root, "", top_.get(), "");
  } else {
    Place place{top_.get(), root.prefix, root.prefix};
    names_[""].insert(root.prefix);
    util::Fd fd = enter_directory(place, 0755);
    write_children(root, "", fd.get(), root.prefix);
  }
  task_.bytes(part_, written_, 0, true);
}

void DirectoryWriter::write_children(const RootTree& root, const std::string& directory, int fd,
                                     const std::string& output_path) {
  std::set<std::string>& names = names_[output_path];
  for (const std::string& name : root.tree->list(directory)) {
    if (stop_.stop_requested()) throw util::Cancelled();
    oci::LayerEntry entry = shown_entry(root, directory.empty() ? name : directory + "/" + name);
    if (entry.type == util::FileType::socket) continue;
    names.insert(name);
    Place place{fd, name, output_path.empty() ? name : output_path + "/" + name};
    clashes_.add(place.path, entry.is_directory());
    write_entry(root, entry, place);
  }
}

void DirectoryWriter::write_entry(const RootTree& root, const oci::LayerEntry& entry, const Place& place) {
  if (entry.is_directory()) return write_directory(root, entry, place);
  std::string temporary = fmt::format(".tmp-{}-{}", ::getpid(), ++temporaries_);
  util::ScopeExit clean([&] { ::unlinkat(place.directory, temporary.c_str(), 0); });
  if (entry.is_file()) {
    if (!make_link(root, entry, temporary, place.directory)) write_file(root, entry, temporary, place.directory);
  } else if (!make_node(entry, temporary, place.directory)) {
    task_.log(fmt::format("left out device `{}`: not permitted\n", entry.path));
    return;
  }
  replace(temporary, place);
  clean.dismiss();
}

/// Opens a directory, which is made if need be; a file or link at its place gives way.
util::Fd DirectoryWriter::enter_directory(const Place& place, mode_t mode) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  // It must be open for us while it is filled; its own mode comes afterwards.
  if (::mkdirat(place.directory, place.name.c_str(), mode | 0700) != 0) {
    if (errno != EEXIST) util::throw_errno(fmt::format("make directory `{}`", place.path));
    util::Fd fd(::openat(place.directory, place.name.c_str(), kFlags));
    if (fd) return fd;
    if (errno != ENOTDIR && errno != ELOOP) util::throw_errno(fmt::format("open `{}`", place.path));
    if (::unlinkat(place.directory, place.name.c_str(), 0) != 0)
      util::throw_errno(fmt::format("delete `{}`", place.path));
    if (::mkdirat(place.directory, place.name.c_str(), mode | 0700) != 0) {
      util::throw_errno(fmt::format("make directory `{}`", place.path));
    }
  }
  return util::open_at(place.directory, place.name, kFlags);
}

void DirectoryWriter::write_directory(const RootTree& root, const oci::LayerEntry& entry, const Place& place) {
  util::Fd fd = enter_directory(place, entry.mode);
  set_user_xattrs(entry, place.directory, place.name);
  write_children(root, entry.path, fd.get(), place.path);
  set_metadata(entry, fd.get());
}

void DirectoryWriter::write_file(const RootTree& root, const oci::LayerEntry& entry, const std::string& temporary,
                                 int directory) {
  util::Fd fd = util::open_at(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  std::unique_ptr<util::Reader> content = root.tree->open(entry.path);
  while (std::size_t size = content->read(buffer_)) {
    if (stop_.stop_requested()) throw util::Cancelled();
    util::write_all(fd.get(), util::Bytes(buffer_).first(size));
    count(size);
  }
  set_user_xattrs(entry, directory, temporary);
  set_metadata(entry, fd.get());
}

/// False if it has to be a copy.
bool DirectoryWriter::make_link(const RootTree& root, const oci::LayerEntry& entry, const std::string& temporary,
                                int directory) {
  if (entry.hard_link.empty()) return false;
  std::string first = root.prefix.empty() ? *entry.hard_link : root.prefix + "/" + *entry.hard_link;
  return ::linkat(top_.get(), first.c_str(), directory, temporary.c_str(), 0) == 0;
}

/// Links, fifos and devices; false for a device that the caller may not make.
bool DirectoryWriter::make_node(const oci::LayerEntry& entry, const std::string& temporary, int directory) {
  const char* name = temporary.c_str();
  mode_t mode = entry.mode & 07777;
  dev_t device = ::makedev(entry.device_major, entry.device_minor);
  int result = -1;
  switch (entry.type) {
    case util::FileType::symlink:
      result = ::symlinkat(entry.link_target->c_str(), directory, name);
      break;
    case util::FileType::fifo:
      result = ::mkfifoat(directory, name, mode);
      break;
    case util::FileType::char_device:
      result = ::mknodat(directory, name, S_IFCHR | mode, device);
      break;
    case util::FileType::block_device:
      result = ::mknodat(directory, name, S_IFBLK | mode, device);
      break;
    default:
      return false;
  }
  bool is_device = entry.type == util::FileType::char_device || entry.type == util::FileType::block_device;
  if (result != 0 && is_device && (errno == EPERM || errno == EACCES)) return false;
  if (result != 0) fail("make", entry);
  // The umask took bits away.
  if (entry.type != util::FileType::symlink && ::fchmodat(directory, name, mode, 0) != 0)
    fail("set the mode of", entry);
  if (::utimensat(directory, name, access_and_change(entry.mtime).data(), AT_SYMLINK_NOFOLLOW) != 0) {
    fail("set the time of", entry);
  }
  return true;
}

void DirectoryWriter::replace(const std::string& temporary, const Place& place) {
  auto rename = [&] { return ::renameat(place.directory, temporary.c_str(), place.directory, place.name.c_str()); };
  if (rename() != 0) {
    if (errno != EISDIR) util::throw_errno(fmt::format("write `{}`", place.path));
    // A directory is where the result has a file.
    util::remove_tree(destination_ / place.path);
    if (rename() != 0) util::throw_errno(fmt::format("write `{}`", place.path));
  }
  // Renaming a link onto another name of the same file does nothing and leaves both.
  ::unlinkat(place.directory, temporary.c_str(), 0);
}

void DirectoryWriter::count(std::size_t bytes) {
  written_ += static_cast<std::int64_t>(bytes);
  auto now = std::chrono::steady_clock::now();
  if (now - last_report_ < std::chrono::milliseconds(100)) return;
  last_report_ = now;
  task_.bytes(part_, written_, 0);
}

void DirectoryWriter::remove_others() {
  for (const auto& [directory, names] : names_) {
    util::Fd fd = util::open_file(destination_ / directory, O_RDONLY | O_DIRECTORY);
    for (const util::DirEntry& entry : util::list_directory(fd.get())) {
      if (!names.contains(entry.name)) util::remove_tree(destination_ / directory / entry.name);
    }
  }
}

}  // namespace exporter
