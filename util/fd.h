#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace util {

/// An owned file descriptor; closed by the destructor. Move-only.
class [[nodiscard]] Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept;
  void reset() noexcept;
  /// A duplicate with O_CLOEXEC. Throws SystemError.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

/// Both ends of a pipe, O_CLOEXEC.
struct Pipe {
  Fd read;
  Fd write;
  /// Throws SystemError.
  static Pipe open();
};

/// Opens `path` with O_CLOEXEC added; throws SystemError("open `path`").
Fd open_file(const std::filesystem::path& path, int flags, mode_t mode = 0666);
/// The same relative to a directory descriptor.
Fd open_at(int dir_fd, const std::string& path, int flags, mode_t mode = 0666);

/// Reads until `buffer` is full or the file ends; returns the bytes read. Retries EINTR.
size_t read_full(int fd, std::span<std::byte> buffer);
/// The same from a position, which leaves the descriptor's own alone. Throws SystemError.
size_t read_at(int fd, std::uint64_t position, std::span<std::byte> buffer);
/// Writes everything there. Throws SystemError.
void write_at(int fd, std::uint64_t position, std::span<const std::byte> data);
/// Writes everything; throws SystemError.
void write_all(int fd, std::span<const std::byte> data);
void write_all(int fd, std::string_view data);
/// The whole rest of a descriptor. Throws Error when it is longer than `limit` bytes.
std::string read_to_end(int fd, size_t limit = size_t{1} << 30);
/// The whole file. Throws SystemError, or Error when it is longer than `limit` bytes.
std::string read_file(const std::filesystem::path& path, size_t limit = size_t{1} << 30);

}  // namespace util
