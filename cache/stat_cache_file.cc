#include "cache/stat_cache_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "cache/lane_hash.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

namespace cache {
namespace {

/// On disk: Header, the body (entries: StatRecord, its path, zeros up to a multiple of kUnit; in front of the table a multiple
/// of LaneHash::kBlock), the table of `slots` PlaceSlots.
struct Header {
  char magic[8];
  std::uint64_t checksum;  ///< of everything behind the header
  std::uint64_t body_size;
  std::uint32_t slots;
  std::uint32_t reserved;
};
static_assert(sizeof(Header) == 32 && sizeof(StatRecord) == 80 && sizeof(util::PlaceSlot) == 8);

constexpr std::size_t kUnit = 8;
constexpr std::size_t kPiece = std::size_t{64} << 10;
static_assert(kPiece % LaneHash::kBlock == 0);

std::uint32_t tag_of(std::string_view path) {
  return static_cast<std::uint32_t>(lane_hash(path) >> 32);
}

std::uint64_t position_of(std::uint32_t place) {
  return std::uint64_t{place - 1} * kUnit;
}

template <typename T>
std::string_view view(std::span<T> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size_bytes()};
}

void pad(std::string& text, std::uint64_t before, std::size_t unit) {
  text.append((unit - (before + text.size()) % unit) % unit, '\0');
}

std::optional<StatCacheFile::Entry> entry_at(std::string_view body, std::uint64_t position) {
  StatCacheFile::Entry entry;
  if (position > body.size() || body.size() - position < sizeof entry.record) return std::nullopt;
  body.remove_prefix(position);
  std::memcpy(&entry.record, body.data(), sizeof entry.record);
  body.remove_prefix(sizeof entry.record);
  if (entry.record.path_size > body.size()) return std::nullopt;
  entry.path = body.substr(0, entry.record.path_size);
  return entry;
}

}  // namespace

StatCacheFile::StatCacheFile(const std::filesystem::path& file) {
  if (!map(file) || read_header()) return;
  util::log_debug(fmt::format("the stat cache `{}` is damaged, or another version's, and is made anew", file.native()));
  body_ = {};
  slots_ = {};
}

StatCacheFile::~StatCacheFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

bool StatCacheFile::map(const std::filesystem::path& file) {
  const util::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Header))) return false;
  size_ = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return false;
  data_ = static_cast<const char*>(mapped);
  return true;
}

bool StatCacheFile::read_header() {
  Header header;
  std::memcpy(&header, data_, sizeof header);
  if (std::memcmp(header.magic, kStatCacheMagic, sizeof kStatCacheMagic) != 0) return false;
  const std::string_view rest = std::string_view(data_, size_).substr(sizeof header);
  const std::uint64_t table = sizeof(util::PlaceSlot) * std::uint64_t{header.slots};
  if (!std::has_single_bit(header.slots) || table > rest.size() || header.body_size != rest.size() - table) return false;
  if (header.body_size % LaneHash::kBlock != 0 || lane_hash(rest) != header.checksum) return false;
  body_ = rest.substr(0, header.body_size);
  slots_ = {reinterpret_cast<const util::PlaceSlot*>(body_.data() + body_.size()), header.slots};
  return true;
}

std::optional<std::size_t> StatCacheFile::find(std::string_view path) const {
  if (slots_.empty()) return std::nullopt;
  const auto is_it = [&](std::uint32_t place) {
    const std::optional<Entry> entry = entry_at(body_, position_of(place));
    return entry && entry->path == path;
  };
  const std::uint32_t tag = tag_of(path);
  const std::size_t start = util::segment_start(tag, slots_.size());
  const std::optional<std::size_t> slot = util::find_slot(slots_.subspan(start, std::min(slots_.size(), util::kPlaceSegment)), tag, is_it);
  return slot && slots_[start + *slot].place != 0 ? std::optional(start + *slot) : std::nullopt;
}

std::optional<StatCacheFile::Entry> StatCacheFile::entry(std::size_t slot) const {
  return slots_[slot].place == 0 ? std::nullopt : entry_at(body_, position_of(slots_[slot].place));
}

std::optional<StatRecord> StatCacheDraft::find(std::string_view path) const {
  StatRecord record;
  const auto is_it = [&](std::uint32_t place) { return is_entry(place, path, record); };
  return table_.find(tag_of(path), is_it) ? std::optional(record) : std::nullopt;
}

void StatCacheDraft::put(std::string_view path, StatRecord record) {
  StatRecord before;
  table_.put(tag_of(path), next_place(), [&](std::uint32_t place) { return is_entry(place, path, before); });
  append(path, record);
}

void StatCacheDraft::add(std::string_view path, StatRecord record) {
  table_.add(tag_of(path), next_place());
  append(path, record);
}

std::uint32_t StatCacheDraft::next_place() const {
  const std::uint64_t place = (written_ + tail_.size()) / kUnit + 1;
  if (place > std::numeric_limits<std::uint32_t>::max()) throw util::Error(fmt::format("write `{}`: it is too large", path_.native()));
  return static_cast<std::uint32_t>(place);
}

void StatCacheDraft::append(std::string_view path, StatRecord record) {
  record.path_size = static_cast<std::uint32_t>(path.size());
  tail_ += view(std::span(&record, 1));
  tail_ += path;
  pad(tail_, written_, kUnit);
  if (tail_.size() >= kPiece) flush();
}

template <typename F>
void StatCacheDraft::read_body(const F& f) const {
  std::vector<char> piece(std::min<std::uint64_t>(kPiece, written_));
  for (std::uint64_t position = 0; position != written_;) {
    const std::size_t count = read(position, std::span(piece).first(std::min<std::uint64_t>(piece.size(), written_ - position)));
    if (count == 0) throw util::Error(fmt::format("read back `{}`: it was cut off", path_.native()));
    f(std::string_view(piece.data(), count));
    position += count;
  }
}

void StatCacheDraft::commit() {
  pad(tail_, written_, LaneHash::kBlock);
  flush();
  const std::size_t slots = table_.settle();
  Header header = {};
  std::memcpy(header.magic, kStatCacheMagic, sizeof kStatCacheMagic);
  header.body_size = written_;
  header.slots = static_cast<std::uint32_t>(slots);
  LaneHash hash(written_ + slots * sizeof(util::PlaceSlot));
  read_body([&](std::string_view piece) { hash.update(piece); });
  table_.read([&](std::span<const util::PlaceSlot> piece) {
    hash.update(view(piece));
    util::write_all(file_->fd(), view(piece));
  });
  header.checksum = hash.finish();
  if (::lseek(file_->fd(), 0, SEEK_SET) != 0) util::throw_errno(fmt::format("write `{}`", path_.native()));
  util::write_all(file_->fd(), view(std::span(&header, 1)));
  file_->commit();
  committed_ = true;
}

bool StatCacheDraft::is_entry(std::uint32_t place, std::string_view path, StatRecord& record) const {
  std::array<char, 512> space;
  std::vector<char> long_space;
  const std::size_t size = sizeof record + path.size();
  std::span<char> buffer(space);
  if (size > buffer.size()) buffer = long_space = std::vector<char>(size);
  buffer = buffer.first(size);
  if (read(position_of(place), buffer) != size) return false;
  std::memcpy(&record, buffer.data(), sizeof record);
  return record.path_size == path.size() && std::string_view(buffer.data(), size).substr(sizeof record) == path;
}

/// Of the body; fewer bytes only at its end.
std::size_t StatCacheDraft::read(std::uint64_t position, std::span<char> buffer) const {
  if (position >= written_) {
    const std::string_view there = std::string_view(tail_).substr(std::min<std::uint64_t>(position - written_, tail_.size()));
    return there.copy(buffer.data(), buffer.size());
  }
  return util::read_at(file_->fd(), sizeof(Header) + position, std::as_writable_bytes(buffer));
}

void StatCacheDraft::flush() {
  if (!file_ || committed_) reopen();
  util::write_all(file_->fd(), tail_);
  written_ += tail_.size();
  tail_.clear();
}

/// What was committed belongs to its readers: more goes into a file that starts with a copy of it.
void StatCacheDraft::reopen() {
  util::AtomicFile fresh(path_);
  if (::lseek(fresh.fd(), sizeof(Header), SEEK_SET) < 0) util::throw_errno(fmt::format("write `{}`", path_.native()));
  read_body([&](std::string_view piece) { util::write_all(fresh.fd(), piece); });
  file_.emplace(std::move(fresh));
  committed_ = false;
}

}  // namespace cache
