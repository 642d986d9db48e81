// Extended attributes.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>

#include <cerrno>

#include "util/error.h"
#include "util/fs.h"

namespace util {
namespace {

/// There are no *at calls for attributes before Linux 6.13; the descriptor's name in /proc stands in for them. The
/// entry itself is never followed by the l* calls, except when it is the descriptor, whose /proc link must be.
struct AttributePath {
  std::string text;
  bool follow = false;

  AttributePath(int dir_fd, const std::string& path) {
    if (dir_fd == AT_FDCWD || path.starts_with('/')) {
      text = path;
    } else if (path.empty()) {
      text = fmt::format("/proc/self/fd/{}", dir_fd);
      follow = true;
    } else {
      text = fmt::format("/proc/self/fd/{}/{}", dir_fd, path);
    }
  }
  ssize_t list(char* buffer, size_t size) const {
    return follow ? ::listxattr(text.c_str(), buffer, size) : ::llistxattr(text.c_str(), buffer, size);
  }
  ssize_t get(const char* name, char* buffer, size_t size) const {
    return follow ? ::getxattr(text.c_str(), name, buffer, size) : ::lgetxattr(text.c_str(), name, buffer, size);
  }
  int set(const char* name, std::string_view value) const {
    return follow ? ::setxattr(text.c_str(), name, value.data(), value.size(), 0)
                  : ::lsetxattr(text.c_str(), name, value.data(), value.size(), 0);
  }
};

/// Calls `read(buffer, size)` with growing buffers until the answer fits; nullopt with errno set when it fails.
template <typename F>
std::optional<std::string> read_growing(F read) {
  std::string buffer(256, '\0');
  while (true) {
    ssize_t n = read(buffer.data(), buffer.size());
    if (n >= 0) {
      buffer.resize(static_cast<size_t>(n));
      return buffer;
    }
    if (errno != ERANGE) return std::nullopt;
    ssize_t needed = read(nullptr, 0);
    if (needed < 0) return std::nullopt;
    buffer.resize(static_cast<size_t>(needed) + 64);
  }
}

}  // namespace

std::map<std::string, std::string> read_xattrs(int dir_fd, const std::string& path) {
  AttributePath entry(dir_fd, path);
  std::map<std::string, std::string> attributes;
  auto names = read_growing([&](char* buffer, size_t size) { return entry.list(buffer, size); });
  if (!names) {
    if (errno == ENOTSUP || errno == ENOSYS) return attributes;
    throw_errno(fmt::format("list extended attributes of `{}`", path));
  }
  for (std::size_t start = 0; start < names->size();) {
    std::string name = names->c_str() + start;
    start += name.size() + 1;
    auto value = read_growing([&](char* buffer, size_t size) { return entry.get(name.c_str(), buffer, size); });
    if (value) {
      attributes.emplace(std::move(name), *std::move(value));
    } else if (errno != ENODATA && errno != ENOTSUP) {
      throw_errno(fmt::format("read extended attribute `{}` of `{}`", name, path));
    }
  }
  return attributes;
}

void set_xattr(int dir_fd, const std::string& path, const std::string& name, std::string_view value) {
  if (AttributePath(dir_fd, path).set(name.c_str(), value) < 0) {
    throw_errno(fmt::format("set extended attribute `{}` of `{}`", name, path));
  }
}

}  // namespace util
