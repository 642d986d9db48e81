#include "util/temp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"

namespace util {
namespace {

std::uint64_t random_number() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
    if (errno != EINTR) throw_errno("get random bytes");
  }
  return value;
}

void remove_quietly(const std::filesystem::path& path) noexcept {
  try {
    remove_tree(path);
  } catch (const std::exception& error) {
    log_warning(fmt::format("remove temporary directory: {}", error.what()));
  }
}

}  // namespace

TempDir::TempDir(const std::filesystem::path& parent, const std::string& prefix) {
  std::string pattern = (parent / (prefix + "XXXXXX")).native();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw_errno(fmt::format("make temporary directory in `{}`", parent.native()));
  }
  path_ = std::move(pattern);
}

TempDir::TempDir(TempDir&& other) noexcept : path_(other.release()) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  if (this != &other) {
    if (!path_.empty()) remove_quietly(path_);
    path_ = other.release();
  }
  return *this;
}

TempDir::~TempDir() {
  if (!path_.empty()) remove_quietly(path_);
}

std::filesystem::path TempDir::release() noexcept {
  std::filesystem::path path = std::move(path_);
  path_.clear();
  return path;
}

Fd make_nameless_file(const std::filesystem::path& directory) {
  Fd nameless(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (nameless) return nameless;
  // Not every file system has O_TMPFILE.
  std::string path = (directory / "namelessXXXXXX").native();
  Fd file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) throw_errno(fmt::format("create temporary file in `{}`", directory.native()));
  ::unlink(path.c_str());
  return file;
}

/// Of a file without a name nothing is left, however the process ends. Not every file system has them (NFS has not).
Fd AtomicFile::open_nameless(const std::filesystem::path& path, mode_t mode) {
  if (::access("/proc/self/fd", X_OK) != 0) return {};
  const std::filesystem::path directory = path.parent_path();
  return Fd(::open(directory.empty() ? "." : directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, mode));
}

bool AtomicFile::is_nameless(const std::filesystem::path& path) {
  return static_cast<bool>(open_nameless(path, 0600));
}

AtomicFile::AtomicFile(std::filesystem::path path, mode_t mode) : path_(std::move(path)) {
  fd_ = open_nameless(path_, mode);
  if (fd_) return;
  // Opened by hand rather than by mkstemp, so that the mode obeys the umask as for any other new file.
  at_new_name([&](const char* name) {
    fd_ = Fd(::open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    return static_cast<bool>(fd_);
  });
}

void AtomicFile::at_new_name(const std::function<bool(const char* name)>& make) {
  while (true) {
    const std::filesystem::path name = path_.parent_path() / fmt::format(".tmp-{:016x}", random_number());
    if (make(name.c_str())) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST && errno != EINTR) throw_errno(fmt::format("create file beside `{}`", path_.native()));
  }
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), fd_(std::move(other.fd_)) {
  other.temporary_.clear();
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::commit(bool durable) {
  commit_as(path_, durable);
}

void AtomicFile::commit_as(const std::filesystem::path& path, bool durable) {
  if (durable && ::fsync(fd_.get()) < 0) throw_errno(fmt::format("flush `{}`", path.native()));
  if (temporary_.empty()) {
    const std::string file = fmt::format("/proc/self/fd/{}", fd_.get());
    at_new_name([&](const char* name) { return ::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0; });
  }
  if (::rename(temporary_.c_str(), path.c_str()) < 0) throw_errno(fmt::format("create `{}`", path.native()));
  temporary_.clear();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view data, mode_t mode) {
  AtomicFile file(path, mode);
  with_context(fmt::format("`{}`", path.native()), [&] { write_all(file.fd(), data); });
  file.commit();
}

}  // namespace util
