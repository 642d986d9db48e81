#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/fd.h"

namespace util {

enum class FileType : std::uint8_t { regular, directory, symlink, char_device, block_device, fifo, socket };

/// Nanoseconds since the epoch.
using Nanoseconds = std::int64_t;

/// What lstat says, without padding and with times in nanoseconds.
struct FileStat {
  FileType type = FileType::regular;
  std::uint32_t mode = 0;  ///< permission bits only (07777)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  Nanoseconds mtime = 0;
  Nanoseconds ctime = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint32_t link_count = 1;
  std::uint32_t rdev_major = 0;
  std::uint32_t rdev_minor = 0;
};

/// lstat relative to `dir_fd` (AT_FDCWD allowed; an empty path means the descriptor itself).
/// Throws SystemError.
FileStat stat_at(int dir_fd, const std::string& path);
/// The same; nullopt for ENOENT and ENOTDIR.
std::optional<FileStat> find_stat_at(int dir_fd, const std::string& path);

/// A name in a directory; `type` is from readdir and absent when the file system does not say.
struct DirEntry {
  std::string name;
  std::optional<FileType> type;
};
/// Names of a directory without "." and "..", sorted by bytes. Throws SystemError.
std::vector<DirEntry> list_directory(int dir_fd);
/// The same without order, from the position of a descriptor, which moves. `f` must not read a directory. Throws SystemError.
void read_directory(int dir_fd, const std::function<void(std::string_view name, std::optional<FileType> type)>& f);

/// Link target. Throws SystemError.
std::string read_link_at(int dir_fd, const std::string& path);

/// Opens `path` as if `root_fd` were the root directory: absolute links and ".." stay inside, in every
/// component (openat2 RESOLVE_IN_ROOT; a component-wise walk where the kernel lacks it, or when the
/// environment variable BUILDER_NO_OPENAT2 is set). Adds O_CLOEXEC. Throws SystemError.
Fd open_in_root(int root_fd, std::string_view path, int flags, mode_t mode = 0);

/// Extended attributes of an entry (never followed), value bytes as they are. File systems without
/// them give an empty map.
std::map<std::string, std::string> read_xattrs(int dir_fd, const std::string& path);
/// Sets one on an entry without following it. Throws SystemError.
void set_xattr(int dir_fd, const std::string& path, const std::string& name, std::string_view value);

/// Deletes a tree or file, also below directories without write permission; never follows links,
/// never leaves the file system. Missing is fine. Throws SystemError.
void remove_tree(const std::filesystem::path& path);

/// mkdir -p with mode 0755. Throws SystemError.
void make_directories(const std::filesystem::path& path);

/// Flushes a file, or the directory entry changes of a directory. Throws SystemError.
void sync_path(const std::filesystem::path& path);

/// "/a/./b//../c" -> "a/c": no leading slash, "." and ".." resolved by text and clipped at the root;
/// "" for the root itself.
std::string clean_relative(std::string_view path);

}  // namespace util
