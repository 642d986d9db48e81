#include "cache/stat_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "cache/lane_hash.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/sync.h"
#include "util/temp.h"
#include "util/time.h"

namespace cache {
namespace {

constexpr char kMagic[8] = {'b', 'l', 'd', 's', 't', 'a', 't', '\1'};  // the last byte is the version
/// A file that changes once more so soon after a change may have the same times. Where times are those of the kernel's
/// clock, which ticks every 1 to 10 ms, that is a moment; some file systems count in seconds, or in two.
constexpr util::Nanoseconds kRacy = 100'000'000;
constexpr util::Nanoseconds kRacyWhereCoarse = 2'000'000'000;
constexpr util::Nanoseconds kFine = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 24 * 60 * 60;
/// Files that no build has asked for in this time are forgotten when the cache is written.
constexpr std::uint32_t kForgetDays = 30;

/// On disk: Header, `slots` words of the hash table (record number + 1, 0 = empty), `count` Records, `text_size`
/// bytes of paths. All numbers in the byte order of the machine: the file is no use elsewhere.
struct Header {
  char magic[8];
  std::uint64_t checksum;  ///< of everything behind the header
  std::uint32_t count;
  std::uint32_t slots;  ///< a power of two
  std::uint64_t text_size;
};

struct Record {
  std::uint64_t device, inode, size;
  std::int64_t mtime, ctime;
  std::uint64_t path_hash;
  std::uint32_t path_offset, path_size;
  std::uint32_t used_day;  ///< days since the epoch
  std::uint32_t reserved;
  unsigned char digest[32];
};
static_assert(sizeof(Header) == 32 && sizeof(Record) == 96);

std::uint64_t hash_path(std::string_view path) {
  return lane_hash({path});
}

/// Whether the file may have changed after that time without its times showing it.
bool is_racy(const util::FileStat& stat, util::Nanoseconds since) {
  const bool fine = stat.ctime % kFine != 0;
  return stat.ctime > since - (fine ? kRacy : kRacyWhereCoarse);
}

std::uint32_t today() {
  return static_cast<std::uint32_t>(util::now_nanoseconds() / 1'000'000'000 / kSecondsPerDay);
}

bool same(const Record& record, const util::FileStat& stat) {
  return record.device == stat.device && record.inode == stat.inode && record.size == stat.size &&
         record.mtime == stat.mtime && record.ctime == stat.ctime;
}

Record make_record(const util::FileStat& stat, const util::Digest& digest) {
  Record record = {};
  record.device = stat.device;
  record.inode = stat.inode;
  record.size = stat.size;
  record.mtime = stat.mtime;
  record.ctime = stat.ctime;
  std::memcpy(record.digest, digest.bytes().data(), sizeof record.digest);
  return record;
}

util::Digest record_digest(const Record& record) {
  std::array<unsigned char, 32> bytes;
  std::memcpy(bytes.data(), record.digest, sizeof record.digest);
  return util::Digest::sha256(bytes);
}

/// A cache file mapped into memory; empty when there is none or it is damaged.
class Mapping {
 public:
  explicit Mapping(const std::filesystem::path& file) {
    util::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status = {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Header))) return;
    size_ = static_cast<std::size_t>(status.st_size);
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
    if (mapped == MAP_FAILED) return;
    data_ = static_cast<const char*>(mapped);
    if (!valid()) {
      util::log_debug(fmt::format("the stat cache `{}` is damaged and is made anew", file.native()));
      release();
    }
  }
  Mapping(const Mapping&) = delete;
  ~Mapping() { release(); }

  std::uint32_t count() const { return data_ == nullptr ? 0 : header().count; }
  Record record(std::uint32_t index) const {
    Record record;
    std::memcpy(&record, data_ + sizeof(Header) + 4ull * header().slots + sizeof(Record) * index, sizeof record);
    return record;
  }
  std::string_view path(const Record& record) const {
    std::size_t start = sizeof(Header) + 4ull * header().slots + sizeof(Record) * header().count;
    if (std::uint64_t{record.path_offset} + record.path_size > header().text_size) return {};
    return {data_ + start + record.path_offset, record.path_size};
  }
  std::optional<std::uint32_t> find(std::string_view wanted) const {
    if (count() == 0) return std::nullopt;
    std::uint64_t hash = hash_path(wanted);
    std::uint32_t mask = header().slots - 1;
    for (std::uint32_t i = 0, slot = hash & mask; i <= mask; ++i, slot = (slot + 1) & mask) {
      std::uint32_t number;
      std::memcpy(&number, data_ + sizeof(Header) + 4ull * slot, 4);
      if (number == 0 || number > count()) return std::nullopt;
      Record candidate = record(number - 1);
      if (candidate.path_hash == hash && path(candidate) == wanted) return number - 1;
    }
    return std::nullopt;
  }

 private:
  const Header& header() const { return *static_cast<const Header*>(static_cast<const void*>(data_)); }

  bool valid() const {
    const Header& head = header();
    if (std::memcmp(head.magic, kMagic, sizeof kMagic) != 0) return false;
    if (head.slots == 0 || (head.slots & (head.slots - 1)) != 0 || head.text_size > size_) return false;
    if (size_ != sizeof(Header) + 4ull * head.slots + sizeof(Record) * head.count + head.text_size) return false;
    return lane_hash({std::string_view(data_, size_).substr(sizeof(Header))}) == head.checksum;
  }

  void release() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
    data_ = nullptr;
  }

  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Records by path, in memory as on disk.
class Table {
 public:
  const Record* find(std::string_view path) const {
    const std::uint32_t number = slots_[slot_of(path, hash_path(path))];
    return number == 0 ? nullptr : &records_[number - 1];
  }
  void put(std::string_view path, Record record) {
    record.path_hash = hash_path(path);
    std::uint32_t& number = slots_[slot_of(path, record.path_hash)];
    if (number != 0) {
      record.path_offset = records_[number - 1].path_offset;
      record.path_size = records_[number - 1].path_size;
      records_[number - 1] = record;
      return;
    }
    record.path_offset = static_cast<std::uint32_t>(text_.size());
    record.path_size = static_cast<std::uint32_t>(path.size());
    text_ += path;
    records_.push_back(record);
    number = static_cast<std::uint32_t>(records_.size());
    if (records_.size() * 2 > slots_.size()) grow();
  }
  /// Throws util::Error.
  void write(int fd) const {
    Header header = {};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.count = static_cast<std::uint32_t>(records_.size());
    header.slots = static_cast<std::uint32_t>(slots_.size());
    header.text_size = text_.size();
    header.checksum = lane_hash({view(std::span(slots_)), view(std::span(records_)), text_});
    for (std::string_view part : {view(std::span(&header, 1)), view(std::span(slots_)), view(std::span(records_)), std::string_view(text_)}) {
      util::write_all(fd, part);
    }
  }

 private:
  template <typename T>
  static std::string_view view(std::span<T> data) {
    return {reinterpret_cast<const char*>(data.data()), data.size_bytes()};
  }
  /// Where it stands, or else would.
  std::size_t slot_of(std::string_view path, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash & mask;
    for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
      const Record& record = records_[slots_[slot] - 1];
      if (record.path_hash == hash && std::string_view(text_).substr(record.path_offset, record.path_size) == path) break;
    }
    return slot;
  }
  void grow() {
    slots_.assign(slots_.size() * 2, 0);
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      std::size_t slot = records_[i].path_hash & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = i + 1;
    }
  }

  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(8);
  std::vector<Record> records_;
  std::string text_;
};

}  // namespace

struct StatCache::State {
  explicit State(std::filesystem::path path)
      : file(std::move(path)), old(std::make_unique<Mapping>(file)), used(old->count()) {}

  std::filesystem::path file;
  std::unique_ptr<Mapping> old;
  mutable std::vector<std::atomic<unsigned char>> used;  ///< records of `old` that were asked for
  struct Fresh {
    Table records;  ///< stand before what `old` says
    bool saved = true;
  };
  util::Sync<Fresh> fresh;
};

StatCache::StatCache(const std::filesystem::path& directory, const std::filesystem::path& tree)
    : state_(std::make_unique<State>(directory / std::string(util::sha256_of(tree.native()).hex()))) {}

StatCache::~StatCache() = default;

std::optional<util::Digest> StatCache::find(const std::string& path, const util::FileStat& stat) const {
  if (std::optional<std::uint32_t> index = state_->old->find(path)) {
    Record record = state_->old->record(*index);
    if (same(record, stat)) {
      state_->used[*index].store(1, std::memory_order_relaxed);
      return record_digest(record);
    }
  }
  auto fresh = state_->fresh.lock();
  const Record* found = fresh->records.find(path);
  if (found == nullptr || !same(*found, stat)) return std::nullopt;
  return record_digest(*found);
}

bool StatCache::put(const std::string& path, const util::FileStat& stat, const util::Digest& digest,
                    util::Nanoseconds since) {
  if (digest.algorithm() != "sha256" || is_racy(stat, since)) return false;
  Record record = make_record(stat, digest);
  record.used_day = today();
  auto fresh = state_->fresh.lock();
  fresh->records.put(path, record);
  fresh->saved = false;
  return true;
}

void StatCache::save() noexcept {
  try {
    auto fresh = state_->fresh.lock();
    if (fresh->saved) return;
    const std::uint32_t day = today();
    for (std::uint32_t i = 0; i < state_->old->count(); ++i) {
      Record record = state_->old->record(i);
      if (state_->used[i].load(std::memory_order_relaxed) != 0) record.used_day = day;
      const std::string_view path = state_->old->path(record);
      if (record.used_day + kForgetDays >= day && fresh->records.find(path) == nullptr) fresh->records.put(path, record);
    }
    util::AtomicFile file(state_->file);
    fresh->records.write(file.fd());
    file.commit();
    fresh->saved = true;
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("save the stat cache: {}", error.what()));
  }
}

}  // namespace cache
