#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "util/fs.h"
#include "util/stream.h"

namespace util {

/// One member of a tar stream, as the archive says; no policy.
struct TarEntry {
  std::string path;          ///< as stored
  FileType type = FileType::regular;
  bool hard_link = false;    ///< then `link_target` is the path of an earlier member
  std::string link_target;   ///< of a symlink or hard link
  std::uint32_t mode = 0;    ///< 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;    ///< bytes of content; 0 but for regular files
  Nanoseconds mtime = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;
};

/// Reads ustar, PAX, GNU (long names, sparse) archives from an uncompressed stream. Damaged or
/// truncated input throws Error; nothing in a member makes it crash or hang.
class TarReader {
 public:
  explicit TarReader(Reader& from);
  ~TarReader();
  /// The next member, or nullopt at the end of the archive.
  std::optional<TarEntry> next();
  /// The content of the member that `next` returned last; valid until the next call of `next`.
  Reader& content();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes a deterministic archive: ustar headers, PAX records only where a value does not fit
/// (long or non-ASCII path, sub-second time when asked, large ids, xattrs as SCHILY.xattr.*). Owner names are empty.
class TarWriter {
 public:
  /// Times are written in whole seconds unless `subsecond_times`.
  explicit TarWriter(Writer& to, bool subsecond_times = false);
  ~TarWriter();
  /// Header of a member; for a regular file exactly `entry.size` bytes must follow through `write`.
  void add(const TarEntry& entry);
  void write(Bytes data);
  /// So many bytes of content were put into the destination, behind what was written before, by the caller.
  void wrote(std::uint64_t size);
  /// The two end blocks. Does not finish the underlying writer.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace util
