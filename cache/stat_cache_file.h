#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "util/place_table.h"
#include "util/temp.h"

namespace cache {

/// How the file begins; the last byte is the version.
inline constexpr char kStatCacheMagic[8] = {'b', 'l', 'd', 's', 't', 'a', 't', '\3'};

/// What the stat cache's file says of one path. As on disk, in the byte order of the machine: the file is no use elsewhere.
struct StatRecord {
  std::uint64_t device, inode, size;
  std::int64_t mtime, ctime;  ///< nanoseconds since the epoch
  std::uint32_t used_day;     ///< days since the epoch
  std::uint32_t path_size;    ///< of the path that follows it
  unsigned char digest[32];
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
  std::span<const util::PlaceSlot> slots_;
};

/// A file of the stat cache while it is written. Entries go to the disk, so that memory holds little of them however many they
/// are. Not thread-safe.
class StatCacheDraft {
 public:
  /// `file` is what `commit` makes or replaces; no file is made before there is much to be written, or `commit`.
  explicit StatCacheDraft(std::filesystem::path file) : path_(std::move(file)), table_(path_.parent_path()) {}

  /// Throws util::Error.
  std::optional<StatRecord> find(std::string_view path) const;
  /// Replaces what was put for that path; `record.path_size` is set here. Throws util::Error, and must not be used any more then.
  void put(std::string_view path, StatRecord record);
  /// The same for a path that was not put before.
  void add(std::string_view path, StatRecord record);
  /// The file appears at its path; more can be put and committed afterwards. Throws util::Error.
  void commit();

 private:
  bool is_entry(std::uint32_t place, std::string_view path, StatRecord& record) const;
  std::size_t read(std::uint64_t position, std::span<char> buffer) const;
  /// Calls `f(std::string_view)` for piece after piece of what is in the file.
  template <typename F>
  void read_body(const F& f) const;
  std::uint32_t next_place() const;
  void append(std::string_view path, StatRecord record);
  void flush();
  void reopen();

  std::filesystem::path path_;
  std::optional<util::AtomicFile> file_;
  bool committed_ = false;  ///< `file_` is at its path
  util::PlaceTable table_;
  std::string tail_;           ///< of the body, not yet in the file
  std::uint64_t written_ = 0;  ///< bytes of the body in the file
};

}  // namespace cache
