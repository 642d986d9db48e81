#include "util/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "util/error.h"

namespace util {
namespace {

FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFCHR:
      return FileType::char_device;
    case S_IFBLK:
      return FileType::block_device;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    default:
      return FileType::regular;
  }
}

std::optional<FileType> type_of_entry(unsigned char type) {
  switch (type) {
    case DT_REG:
      return FileType::regular;
    case DT_DIR:
      return FileType::directory;
    case DT_LNK:
      return FileType::symlink;
    case DT_CHR:
      return FileType::char_device;
    case DT_BLK:
      return FileType::block_device;
    case DT_FIFO:
      return FileType::fifo;
    case DT_SOCK:
      return FileType::socket;
    default:
      return std::nullopt;
  }
}

Nanoseconds nanoseconds(const timespec& time) {
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStat to_file_stat(const struct stat& raw) {
  FileStat result;
  result.type = type_of(raw.st_mode);
  result.mode = raw.st_mode & 07777;
  result.uid = raw.st_uid;
  result.gid = raw.st_gid;
  result.size = static_cast<std::uint64_t>(raw.st_size);
  result.mtime = nanoseconds(raw.st_mtim);
  result.ctime = nanoseconds(raw.st_ctim);
  result.device = raw.st_dev;
  result.inode = raw.st_ino;
  result.link_count = static_cast<std::uint32_t>(raw.st_nlink);
  result.rdev_major = major(raw.st_rdev);
  result.rdev_minor = minor(raw.st_rdev);
  return result;
}

bool raw_stat(int dir_fd, const std::string& path, struct stat& raw) {
  return ::fstatat(dir_fd, path.c_str(), &raw, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT) == 0;
}

}  // namespace

FileStat stat_at(int dir_fd, const std::string& path) {
  struct stat raw {};
  if (!raw_stat(dir_fd, path, raw)) throw_errno(fmt::format("stat `{}`", path));
  return to_file_stat(raw);
}

std::optional<FileStat> find_stat_at(int dir_fd, const std::string& path) {
  struct stat raw {};
  if (raw_stat(dir_fd, path, raw)) return to_file_stat(raw);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw_errno(fmt::format("stat `{}`", path));
}

std::vector<DirEntry> list_directory(int dir_fd) {
  // Opened anew: the position of the caller's descriptor stays, and an O_PATH one will do.
  std::vector<DirEntry> entries;
  read_directory(open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY).get(),
                 [&](std::string_view name, std::optional<FileType> type) { entries.push_back({std::string(name), type}); });
  std::ranges::sort(entries, {}, &DirEntry::name);
  return entries;
}

void read_directory(int dir_fd, const std::function<void(std::string_view name, std::optional<FileType> type)>& f) {
  // Not with opendir(3), which takes memory anew for each of very many.
  alignas(dirent64) thread_local std::array<char, std::size_t{32} << 10> buffer;
  while (const ssize_t size = ::getdents64(dir_fd, buffer.data(), buffer.size())) {
    if (size < 0 && errno == ENOENT) break;  // it was removed: there is nothing in it
    if (size < 0) throw_errno("read directory");
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") f(name, type_of_entry(entry->d_type));
    }
  }
}

std::string read_link_at(int dir_fd, const std::string& path) {
  std::string target(256, '\0');
  while (true) {
    ssize_t n = ::readlinkat(dir_fd, path.c_str(), target.data(), target.size());
    if (n < 0) throw_errno(fmt::format("read link `{}`", path));
    if (static_cast<size_t>(n) < target.size()) {
      target.resize(static_cast<size_t>(n));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

void make_directories(const std::filesystem::path& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0755) == 0) return;
  // Only when the parents are missing is it worth visiting them one by one.
  if (errno == ENOENT) {
    std::filesystem::path prefix;
    for (const std::filesystem::path& part : path) {
      prefix /= part;
      if (::mkdir(prefix.c_str(), 0755) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES) break;
    }
  }
  int code = errno;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return;
    code = EEXIST;
  }
  throw SystemError(fmt::format("make directory `{}`", path.native()), code);
}

void sync_path(const std::filesystem::path& path) {
  Fd fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (::fsync(fd.get()) < 0) throw_errno(fmt::format("flush `{}`", path.native()));
}

std::string clean_relative(std::string_view path) {
  std::string clean;
  clean.reserve(path.size());
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      std::size_t slash = clean.rfind('/');
      clean.erase(slash == std::string::npos ? 0 : slash);
      continue;
    }
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

}  // namespace util
