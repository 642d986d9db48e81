#include "exporter/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "util/error.h"
#include "util/fs.h"

namespace exporter {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr std::size_t kLarge = std::size_t{64} << 10;  ///< goes without being copied

std::optional<struct stat> find(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// A link stands for what it points at: that is replaced, not the link.
std::filesystem::path follow_links(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
  return error ? path : real;
}

}  // namespace

std::string display_destination(const std::string& destination) {
  return destination == "-" ? "standard output" : fmt::format("`{}`", destination);
}

void check_directory(const std::filesystem::path& directory) {
  std::filesystem::path existing = std::filesystem::absolute(directory);
  std::optional<struct stat> status;
  while (!(status = find(existing)) && existing.has_relative_path()) existing = existing.parent_path();
  if (!status || !S_ISDIR(status->st_mode)) {
    throw util::Error(fmt::format("write to `{}`: `{}` is not a directory", directory.string(), existing.string()));
  }
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    throw util::SystemError(fmt::format("write to `{}`", directory.string()), errno);
  }
}

void OutputFile::check(const std::string& destination) {
  if (destination == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      throw util::Error("write an archive to standard output: that is a terminal",
                        "give dest=FILE, or send the output to a file or another program");
    }
    return;
  }
  std::optional<struct stat> status = find(destination);
  if (status && S_ISDIR(status->st_mode)) {
    throw util::Error(fmt::format("write archive `{}`: this is a directory", destination), "name a file in it");
  }
  if (!status || S_ISREG(status->st_mode)) check_directory(follow_links(destination).parent_path());
}

bool OutputFile::is_hidden(const std::string& destination) {
  if (destination == "-") return false;
  const std::optional<struct stat> status = find(destination);
  if (status && !S_ISREG(status->st_mode)) return false;
  return util::AtomicFile::is_nameless(follow_links(destination));
}

OutputFile::OutputFile(const std::string& destination) {
  buffer_.reserve(kBuffer);
  if (destination == "-") {
    fd_ = STDOUT_FILENO;
    return;
  }
  std::optional<struct stat> status = find(destination);
  if (status && !S_ISREG(status->st_mode)) {
    // Renaming over a device would replace it.
    special_ = util::open_file(destination, O_WRONLY);
    fd_ = special_.get();
    return;
  }
  std::filesystem::path path = follow_links(destination);
  util::make_directories(path.parent_path());
  file_.emplace(path);
  fd_ = file_->fd();
}

void OutputFile::flush() {
  util::write_all(fd_, util::Bytes(buffer_));
  buffer_.clear();
}

void OutputFile::write(util::Bytes data) {
  if (buffer_.size() + data.size() > kBuffer || data.size() >= kLarge) flush();
  if (data.size() >= kLarge) return util::write_all(fd_, data);
  buffer_.insert(buffer_.end(), data.begin(), data.end());
}

void OutputFile::append(int from, std::uint64_t size, const std::stop_token& stop) {
  constexpr std::uint64_t kStep = std::uint64_t{16} << 20;  // between looks at `stop`
  flush();
  std::uint64_t left = size;
  while (left > 0) {
    if (stop.stop_requested()) throw util::Cancelled();
    const ssize_t count = ::copy_file_range(from, nullptr, fd_, nullptr, std::min(kStep, left), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;  // pipes, and some pairs of file systems: the rest is read and written
    left -= static_cast<std::uint64_t>(count);
  }
  util::FdReader rest(from);
  const util::Buffer buffer(left > 0 ? kBuffer : 0);
  while (left > 0) {
    if (stop.stop_requested()) throw util::Cancelled();
    const std::size_t count = rest.read(std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), left)));
    if (count == 0) throw util::Error("copy a blob: it is shorter than it was");
    write(util::Bytes(buffer).first(count));
    left -= count;
  }
}

std::uint64_t OutputFile::size() {
  flush();
  const off_t position = ::lseek(fd_, 0, SEEK_CUR);
  if (position < 0) util::throw_errno("write an archive");
  return static_cast<std::uint64_t>(position);
}

void OutputFile::cut(std::uint64_t size) {
  buffer_.clear();
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0 || ::lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) {
    util::throw_errno("write an archive");
  }
}

void OutputFile::write_at(std::uint64_t position, util::Bytes data) {
  flush();
  while (!data.empty()) {
    const ssize_t count = ::pwrite(fd_, data.data(), data.size(), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) util::throw_errno("write an archive");
    data = data.subspan(static_cast<std::size_t>(count));
    position += static_cast<std::uint64_t>(count);
  }
}

void OutputFile::finish() {
  flush();
  if (file_) file_->commit();
}

}  // namespace exporter
