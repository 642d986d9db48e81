#include "source/seen_directories.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace source {
namespace {

/// Bytes that are no large directory, however little is to stay in memory.
constexpr std::size_t kStays = std::size_t{16} << 10;

constexpr std::size_t kUnit = 8;

/// SeenNames, each of `kStays` at most.
constexpr std::size_t kSpare = 32;

/// What the file has of a directory: this, its path, its names, zeros up to a multiple of kUnit.
struct Record {
  std::uint32_t path_size;
  std::uint32_t listed;
  SeenNames::Size names;
};

std::uint32_t tag_of(std::string_view path) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(path) >> 32);
}

std::uint64_t position_of(std::uint32_t place) {
  return std::uint64_t{place - 1} * kUnit;
}

}  // namespace

SeenDirectories::Held::~Held() {
  all_.count(entry_);
  lock_.unlock();
  entry_.second.holders.fetch_sub(1, std::memory_order_release);
  // It may be gone now.
}

SeenDirectories::Held SeenDirectories::hold(const std::string& path) { return {*this, entry(path)}; }

SeenDirectories::Entry& SeenDirectories::entry(const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto [found, is_new] = directories_.try_emplace(path);
  Directory& directory = found->second;
  if (is_new) {
    try {
      restore(*found);
    } catch (...) {
      directories_.erase(found);
      throw;
    }
  }
  directory.used.store(true, std::memory_order_relaxed);
  trim();
  ++directory.holders;
  return *found;
}

/// If the file has it.
void SeenDirectories::restore(Entry& entry) {
  auto& [path, directory] = entry;
  std::vector<std::byte> stored_path(path.size());
  Record record;
  const auto is_it = [&](std::uint32_t place) {
    spill_.get(position_of(place), std::as_writable_bytes(std::span(&record, 1)));
    if (record.path_size != path.size()) return false;
    spill_.get(position_of(place) + sizeof record, stored_path);
    return std::ranges::equal(stored_path, util::as_bytes(path));
  };
  const std::optional<std::uint32_t> place = places_.find(tag_of(path), is_it);
  if (!place) return;
  std::vector<std::byte> names(record.names.bytes());
  const std::size_t head = sizeof record + path.size();
  spill_.get(position_of(*place) + head, names);
  directory.names = take_spare(names.size());
  directory.names.load(record.names, names);
  directory.listed = record.listed != 0;
  directory.place = *place;
  directory.stored_size = head + names.size();
}

/// With room for so much and not much more, if there is one.
SeenNames SeenDirectories::take_spare(std::size_t bytes) {
  const auto fits = [&](const SeenNames& names) { return names.bytes() >= bytes && names.bytes() <= bytes + bytes / 4; };
  const auto found = std::ranges::find_if(spare_, fits);
  if (found == spare_.end()) return {};
  SeenNames names = std::move(*found);
  spare_.erase(found);
  return names;
}

/// Writes it to the file if that does not have it as it is. False if there is no room. Nobody holds it.
bool SeenDirectories::spill(Entry& entry) {
  auto& [path, directory] = entry;
  if (directory.place != 0 && !directory.names.changed()) return true;
  const Record record = {static_cast<std::uint32_t>(path.size()), directory.listed ? 1U : 0U, directory.names.size()};
  const std::size_t head = sizeof record + path.size(), size = head + record.names.bytes();
  std::vector<std::byte> bytes((size + kUnit - 1) / kUnit * kUnit);
  std::memcpy(bytes.data(), &record, sizeof record);
  std::memcpy(bytes.data() + sizeof record, path.data(), path.size());
  directory.names.store(std::span(bytes).subspan(head));
  if (directory.place != 0 && directory.stored_size == size) return spill_.put_again(position_of(directory.place), bytes);
  const std::optional<std::uint64_t> position = spill_.put(bytes);
  if (!position || *position / kUnit >= std::numeric_limits<std::uint32_t>::max()) return false;
  places_.put(tag_of(path), static_cast<std::uint32_t>(*position / kUnit + 1), [&](std::uint32_t place) { return place == directory.place; });
  return true;
}

/// The directory is held.
void SeenDirectories::count(Entry& entry) {
  auto& [path, directory] = entry;
  const std::size_t size = sizeof(Entry) + path.size() + directory.names.bytes();
  // A large one would come back for each of its names.
  const std::int64_t bytes = size > std::max(in_memory_ / 4, kStays) ? 0 : static_cast<std::int64_t>(size);
  if (bytes == directory.counted) return;
  resident_ += bytes - directory.counted;
  directory.counted = bytes;
  if (directory.queued || bytes == 0) return;
  directory.queued = true;
  std::lock_guard lock(mutex_);
  queue_.push_back(&entry);
}

/// Puts out of memory what was not used for long, as far as that is needed and nobody holds it.
void SeenDirectories::trim() {
  for (std::size_t left = queue_.size(); left > 0 && resident_ > static_cast<std::int64_t>(in_memory_) && !no_room_; --left) {
    Entry* const next = queue_.front();
    Directory& directory = next->second;
    queue_.pop_front();
    if (directory.used.exchange(false, std::memory_order_relaxed) || directory.holders.load(std::memory_order_acquire) != 0) {
      queue_.push_back(next);
      continue;
    }
    directory.queued = false;
    if (directory.counted == 0) continue;  // it has become large
    no_room_ = !spill(*next);
    if (no_room_) return;
    resident_ -= directory.counted;
    if (directory.names.bytes() <= kStays) spare_.push_back(std::move(directory.names));
    if (spare_.size() > kSpare) spare_.erase(spare_.begin());
    directories_.erase(next->first);
  }
}

}  // namespace source
