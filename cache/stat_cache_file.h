#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/temp.h"

namespace cache {

/// What the stat cache's file says of one path. As on disk, in the byte order of the machine: the file is no use elsewhere.
struct StatRecord {
  std::uint64_t device, inode, size;
  std::int64_t mtime, ctime;  ///< nanoseconds since the epoch
  std::uint32_t used_day;     ///< days since the epoch
  std::uint32_t path_size;    ///< of the path that follows it
  unsigned char digest[32];
};

/// One place of the file's hash table (linear probing; a power of two of them).
struct StatSlot {
  std::uint32_t tag;    ///< of the path; where to look first
  std::uint32_t place;  ///< of the entry, in units of 8 bytes, plus one; 0 = empty
};

/// A file of the stat cache mapped into memory (docs/cache-format.md); empty when there is none or it is damaged. Immutable.
class StatCacheFile {
 public:
  explicit StatCacheFile(const std::filesystem::path& file);
  StatCacheFile(const StatCacheFile&) = delete;
  StatCacheFile& operator=(const StatCacheFile&) = delete;
  ~StatCacheFile();

  /// Slots are numbered from 0; one names a path as long as the object lives.
  std::size_t slots() const { return slots_.size(); }
  std::optional<std::size_t> find(std::string_view path) const;
  struct Entry {
    StatRecord record;
    std::string_view path;
  };
  /// What is in a slot; nullopt when that is nothing, or nothing that can be.
  std::optional<Entry> entry(std::size_t slot) const;

 private:
  bool map(const std::filesystem::path& file);
  bool read_header();

  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::string_view body_;
  std::span<const StatSlot> slots_;
};

/// A file of the stat cache while it is written. Entries go to the disk, so that memory holds eight to sixteen bytes of each.
/// Not thread-safe.
class StatCacheDraft {
 public:
  /// `file` is what `commit` makes or replaces; no file is made before there is much to be written, or `commit`.
  explicit StatCacheDraft(std::filesystem::path file) : path_(std::move(file)) {}

  std::optional<StatRecord> find(std::string_view path) const;
  /// Replaces what was put for that path; `record.path_size` is set here. Throws util::Error, and must not be used any more then.
  void put(std::string_view path, StatRecord record);
  /// The file appears at its path; more can be put and committed afterwards. Throws util::Error.
  void commit();

 private:
  bool is_entry(std::uint64_t position, std::string_view path, StatRecord& record) const;
  std::size_t read(std::uint64_t position, std::span<char> buffer) const;
  void flush();
  void reopen();
  void grow();

  std::filesystem::path path_;
  std::optional<util::AtomicFile> file_;
  bool committed_ = false;  ///< `file_` is at its path
  std::vector<StatSlot> slots_ = std::vector<StatSlot>(8);
  std::size_t count_ = 0;     ///< of slots that are not empty
  std::string tail_;          ///< of the body, not yet in the file
  std::uint64_t written_ = 0; ///< bytes of the body in the file
};

}  // namespace cache
