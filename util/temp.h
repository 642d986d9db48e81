#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "util/fd.h"

namespace util {

/// A fresh private directory (0700), deleted with everything in it by the destructor.
class [[nodiscard]] TempDir {
 public:
  /// Makes `parent`/`prefix`XXXXXX. Throws SystemError.
  TempDir(const std::filesystem::path& parent, const std::string& prefix);
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Keeps the directory; returns its path.
  std::filesystem::path release() noexcept;

 private:
  std::filesystem::path path_;
};

/// A file without a name, for reading and writing: nothing is left of it, however the process ends. Throws SystemError.
Fd make_nameless_file(const std::filesystem::path& directory);

/// A file that appears at its path whole or not at all: written without a name (open(2), O_TMPFILE) or, where the file
/// system has no such files, beside it; then renamed.
class [[nodiscard]] AtomicFile {
 public:
  /// Creates the temporary file in the directory of `path`. Throws SystemError.
  explicit AtomicFile(std::filesystem::path path, mode_t mode = 0644);
  /// Whether one for `path` would have no name until it is committed.
  static bool is_nameless(const std::filesystem::path& path);
  AtomicFile(AtomicFile&&) noexcept;
  ~AtomicFile();  ///< removes the temporary unless committed
  int fd() const noexcept { return fd_.get(); }
  /// Renames into place; with `durable`, after fsync of the file. Throws SystemError.
  void commit(bool durable = false);
  /// The same under a path that was not known before, on the same file system.
  void commit_as(const std::filesystem::path& path, bool durable = false);

 private:
  static Fd open_nameless(const std::filesystem::path& path, mode_t mode);
  /// Sets `temporary_` to an unused name for which `make` succeeds; false and errno say that it does not.
  void at_new_name(const std::function<bool(const char* name)>& make);

  std::filesystem::path path_;       ///< where it is going to be, or at least beside it
  std::filesystem::path temporary_;  ///< empty while the file has no name
  Fd fd_;
};

/// Writes a whole file through AtomicFile.
void write_file_atomically(const std::filesystem::path& path, std::string_view data, mode_t mode = 0644);

}  // namespace util
