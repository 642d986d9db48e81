#include "util/fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "util/error.h"

namespace util {
namespace {

/// Calls `read_from(done)` until `buffer` is full or the file ends.
template <typename F>
size_t fill(std::span<std::byte> buffer, const F& read_from) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n = read_from(done);
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_errno("read");
    }
    done += static_cast<size_t>(n);
  }
  return done;
}

/// Many files of the cache have no name that their writer knows. The kernel knows at least whose disk is full.
std::string name_of(int fd) {
  std::error_code unreadable;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), unreadable);
  if (!path.is_absolute() || path.native().starts_with("/memfd:")) return {};
  if (path.native().ends_with(" (deleted)")) return fmt::format(" a temporary file in `{}`", path.parent_path().native());
  return fmt::format(" `{}`", path.native());
}

[[noreturn]] void throw_write(int fd) {
  const int code = errno;
  throw SystemError("write" + name_of(fd), code);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() noexcept {
  return std::exchange(fd_, -1);
}

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  // errno is kept, so that throw_errno still tells the cause when owned descriptors are closed in between.
  int saved = errno;
  ::close(std::exchange(fd_, -1));
  errno = saved;
}

Fd Fd::duplicate() const {
  int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw_errno("duplicate file descriptor");
  return Fd(copy);
}

Pipe Pipe::open() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw_errno("open pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Fd open_at(int dir_fd, const std::string& path, int flags, mode_t mode) {
  int fd;
  do {
    fd = ::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw_errno(fmt::format("open `{}`", path));
  return Fd(fd);
}

Fd open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  return open_at(AT_FDCWD, path.native(), flags, mode);
}

size_t read_full(int fd, std::span<std::byte> buffer) {
  return fill(buffer, [&](size_t done) { return ::read(fd, buffer.data() + done, buffer.size() - done); });
}

size_t read_at(int fd, std::uint64_t position, std::span<std::byte> buffer) {
  return fill(buffer, [&](size_t done) {
    return ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(position + done));
  });
}

void write_at(int fd, std::uint64_t position, std::span<const std::byte> data) {
  while (!data.empty()) {
    ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(position));
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_write(fd);
    }
    data = data.subspan(static_cast<size_t>(n));
    position += static_cast<std::uint64_t>(n);
  }
}

void write_all(int fd, std::span<const std::byte> data) {
  while (!data.empty()) {
    ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_write(fd);
    }
    data = data.subspan(static_cast<size_t>(n));
  }
}

void write_all(int fd, std::string_view data) {
  write_all(fd, std::as_bytes(std::span(data.data(), data.size())));
}

std::string read_to_end(int fd, size_t limit) {
  // The size is only a first guess: files of /proc say 0, and pipes have none.
  struct stat status {};
  size_t guess = 4096;
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    guess = std::min<size_t>(static_cast<size_t>(status.st_size), limit) + 1;
  }
  std::string text;
  size_t length = 0;
  while (true) {
    if (length == text.size()) text.resize(text.empty() ? guess : text.size() * 2);
    size_t wanted = text.size() - length;
    size_t n = read_full(fd, std::as_writable_bytes(std::span(text.data() + length, wanted)));
    length += n;
    if (length > limit) throw Error(fmt::format("read: longer than {} bytes", limit));
    if (n < wanted) break;
  }
  text.resize(length);
  return text;
}

std::string read_file(const std::filesystem::path& path, size_t limit) {
  Fd fd = open_file(path, O_RDONLY);
  return with_context(fmt::format("`{}`", path.native()), [&] { return read_to_end(fd.get(), limit); });
}

}  // namespace util
