#include "cache/stat_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/sync.h"
#include "util/temp.h"
#include "util/time.h"

namespace cache {
namespace {

constexpr char kMagic[8] = {'b', 'l', 'd', 's', 't', 'a', 't', '\1'};  // the last byte is the version
constexpr util::Nanoseconds kRacy = 2'000'000'000;
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

/// 64-bit hash with a fixed definition (it is on disk); four lanes, so that it keeps up with memory.
std::uint64_t hash_bytes(const char* data, std::size_t size) {
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ull;
  std::uint64_t lanes[4] = {size + 1, kPrime, kPrime ^ size, ~kPrime};
  auto mix = [](std::uint64_t lane, std::uint64_t word) {
    lane = (lane ^ word) * kPrime;
    return lane ^ (lane >> 29);
  };
  while (size >= 32) {
    for (std::uint64_t& lane : lanes) {
      std::uint64_t word;
      std::memcpy(&word, data, 8);
      lane = mix(lane, word);
      data += 8;
    }
    size -= 32;
  }
  for (int i = 0; size > 0; ++i) {
    std::uint64_t word = 0;
    std::size_t part = size < 8 ? size : 8;
    std::memcpy(&word, data, part);
    lanes[i] = mix(lanes[i], word);
    data += part;
    size -= part;
  }
  std::uint64_t result = 0;
  for (std::uint64_t lane : lanes) result = mix(result, lane ^ (lane >> 32));
  return result;
}

std::uint64_t hash_path(std::string_view path) {
  return hash_bytes(path.data(), path.size());
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
    return hash_bytes(data_ + sizeof(Header), size_ - sizeof(Header)) == head.checksum;
  }

  void release() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
    data_ = nullptr;
  }

  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Collects records and paths into the form on disk.
class Image {
 public:
  void add(std::string_view path, Record record) {
    record.path_hash = hash_path(path);
    record.path_offset = static_cast<std::uint32_t>(text_.size());
    record.path_size = static_cast<std::uint32_t>(path.size());
    text_ += path;
    records_.push_back(record);
  }

  std::string build() const {
    std::uint32_t slots = 8;
    while (slots < records_.size() * 2) slots *= 2;
    std::vector<std::uint32_t> table(slots);
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      std::uint32_t slot = records_[i].path_hash & (slots - 1);
      while (table[slot] != 0) slot = (slot + 1) & (slots - 1);
      table[slot] = i + 1;
    }
    Header header = {};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.count = static_cast<std::uint32_t>(records_.size());
    header.slots = slots;
    header.text_size = text_.size();
    std::string image(sizeof(Header) + 4ull * slots + sizeof(Record) * records_.size() + text_.size(), '\0');
    char* to = image.data() + sizeof(Header);
    std::memcpy(to, table.data(), 4ull * slots);
    to += 4ull * slots;
    if (!records_.empty()) std::memcpy(to, records_.data(), sizeof(Record) * records_.size());
    to += sizeof(Record) * records_.size();
    if (!text_.empty()) std::memcpy(to, text_.data(), text_.size());
    header.checksum = hash_bytes(image.data() + sizeof(Header), image.size() - sizeof(Header));
    std::memcpy(image.data(), &header, sizeof header);
    return image;
  }

 private:
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
    std::unordered_map<std::string, Record> records;  ///< stand before what `old` says
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
  auto found = fresh->records.find(path);
  if (found == fresh->records.end() || !same(found->second, stat)) return std::nullopt;
  return record_digest(found->second);
}

bool StatCache::put(const std::string& path, const util::FileStat& stat, const util::Digest& digest) {
  if (digest.algorithm() != "sha256" || stat.ctime > util::now_nanoseconds() - kRacy) return false;
  const Record record = make_record(stat, digest);
  auto fresh = state_->fresh.lock();
  fresh->records.insert_or_assign(path, record);
  fresh->saved = false;
  return true;
}

void StatCache::save() noexcept {
  try {
    auto fresh = state_->fresh.lock();
    if (fresh->saved) return;
    std::uint32_t day = today();
    Image image;
    for (std::uint32_t i = 0; i < state_->old->count(); ++i) {
      Record record = state_->old->record(i);
      if (state_->used[i].load(std::memory_order_relaxed) != 0) record.used_day = day;
      std::string path(state_->old->path(record));
      if (record.used_day + kForgetDays >= day && !fresh->records.contains(path)) image.add(path, record);
    }
    for (auto& [path, record] : fresh->records) {
      record.used_day = day;
      image.add(path, record);
    }
    util::write_file_atomically(state_->file, image.build());
    fresh->saved = true;
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("save the stat cache: {}", error.what()));
  }
}

}  // namespace cache
