#include "cache/stat_cache.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "cache/stat_cache_file.h"
#include "util/error.h"
#include "util/log.h"
#include "util/sync.h"
#include "util/time.h"

namespace cache {
namespace {

/// A file that changes once more so soon after a change may have the same times. Where times are those of the kernel's
/// clock, which ticks every 1 to 10 ms, that is a moment; some file systems count in seconds, or in two.
constexpr util::Nanoseconds kRacy = 100'000'000;
constexpr util::Nanoseconds kRacyWhereCoarse = 2'000'000'000;
constexpr util::Nanoseconds kFine = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 24 * 60 * 60;
/// Files that no build has asked for in this time are forgotten when the cache is written.
constexpr std::uint32_t kForgetDays = 30;

/// Whether the file may have changed after that time without its times showing it.
bool is_racy(const util::FileStat& stat, util::Nanoseconds since) {
  const bool fine = stat.ctime % kFine != 0;
  return stat.ctime > since - (fine ? kRacy : kRacyWhereCoarse);
}

std::uint32_t today() {
  return static_cast<std::uint32_t>(util::now_nanoseconds() / 1'000'000'000 / kSecondsPerDay);
}

bool same(const StatRecord& record, const util::FileStat& stat) {
  return record.device == stat.device && record.inode == stat.inode && record.size == stat.size &&
         record.mtime == stat.mtime && record.ctime == stat.ctime;
}

StatRecord make_record(const util::FileStat& stat, const util::Digest& digest) {
  StatRecord record = {};
  record.device = stat.device;
  record.inode = stat.inode;
  record.size = stat.size;
  record.mtime = stat.mtime;
  record.ctime = stat.ctime;
  std::memcpy(record.digest, digest.bytes().data(), sizeof record.digest);
  return record;
}

util::Digest record_digest(const StatRecord& record) {
  std::array<unsigned char, 32> bytes;
  std::memcpy(bytes.data(), record.digest, sizeof record.digest);
  return util::Digest::sha256(bytes);
}

}  // namespace

struct StatCache::State {
  explicit State(const std::filesystem::path& file) : old(file), used(old.slots()), fresh(file) {}

  const StatCacheFile old;
  enum Use : unsigned char { none, found, replaced };
  mutable std::vector<std::atomic<Use>> used;  ///< of the slots of `old`; what is `replaced` is in `fresh`
  struct Fresh {
    explicit Fresh(const std::filesystem::path& file) : draft(file) {}
    StatCacheDraft draft;  ///< stands before what `old` says
    bool saved = true;
    bool failed = false;  ///< `draft` is of no use any more

    void fail(const util::Error& error) {
      failed = true;
      util::log_warning(fmt::format("keep the digests of files in the stat cache: {}", error.what()));
    }
  };
  util::Sync<Fresh> fresh;
};

StatCache::StatCache(const std::filesystem::path& directory, const std::filesystem::path& tree)
    : state_(std::make_unique<State>(directory / std::string(util::sha256_of(tree.native()).hex()))) {}

StatCache::~StatCache() = default;

std::optional<util::Digest> StatCache::find(const std::string& path, const util::FileStat& stat) const {
  if (const std::optional<std::size_t> slot = state_->old.find(path)) {
    const StatRecord record = state_->old.entry(*slot)->record;
    if (same(record, stat)) {
      State::Use before = State::none;
      state_->used[*slot].compare_exchange_strong(before, State::found, std::memory_order_relaxed);
      return record_digest(record);
    }
  }
  auto fresh = state_->fresh.lock();
  if (fresh->failed) return std::nullopt;
  try {
    const std::optional<StatRecord> found = fresh->draft.find(path);
    if (found && same(*found, stat)) return record_digest(*found);
  } catch (const util::Error& error) {
    fresh->fail(error);
  }
  return std::nullopt;
}

bool StatCache::put(const std::string& path, const util::FileStat& stat, const util::Digest& digest,
                    util::Nanoseconds since) {
  if (digest.algorithm() != "sha256" || is_racy(stat, since)) return false;
  StatRecord record = make_record(stat, digest);
  record.used_day = today();
  auto fresh = state_->fresh.lock();
  if (fresh->failed) return true;
  try {
    fresh->draft.put(path, record);
    fresh->saved = false;
    if (const std::optional<std::size_t> slot = state_->old.find(path)) state_->used[*slot] = State::replaced;
  } catch (const util::Error& error) {
    fresh->fail(error);
  }
  return true;
}

void StatCache::save() noexcept {
  try {
    auto fresh = state_->fresh.lock();
    if (fresh->saved || fresh->failed) return;
    fresh->failed = true;  // unless it comes to its end
    const std::uint32_t day = today();
    for (std::size_t slot = 0; slot != state_->old.slots(); ++slot) {
      std::optional<StatCacheFile::Entry> entry = state_->old.entry(slot);
      if (!entry) continue;
      const State::Use use = state_->used[slot];
      if (use == State::found) entry->record.used_day = day;
      if (use == State::replaced || entry->record.used_day + kForgetDays < day) continue;
      // A damaged file may say something of a path in several places.
      if (state_->old.find(entry->path) != slot) continue;
      fresh->draft.add(entry->path, entry->record);
      state_->used[slot] = State::replaced;
    }
    fresh->draft.commit();
    fresh->saved = true;
    fresh->failed = false;
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("save the stat cache: {}", error.what()));
  }
}

}  // namespace cache
