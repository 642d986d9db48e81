#include "cache/mount_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "util/digest.h"
#include "util/error.h"
#include "util/file_lock.h"
#include "util/fs.h"
#include "util/temp.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

/// Layout of one key: mounts/<hex>/key (its text), make.lock, and for every directory that was needed at once N.lock
/// and N/.
class Slots {
 public:
  Slots(const fs::path& directory, const std::string& key)
      : base_(directory / std::string(util::sha256_of(key).hex().substr(0, 32))), key_(key) {}

  bool exist() const { return fs::exists(base_); }
  fs::path lock_file(int slot) const { return base_ / fmt::format("{}.lock", slot); }
  fs::path slot(int slot) const { return base_ / std::to_string(slot); }
  const fs::path& base() const { return base_; }

  void make_base() const {
    if (fs::exists(base_ / "key")) return;
    util::make_directories(base_);
    util::write_file_atomically(base_ / "key", key_);
  }

  /// Makes and fills the directory of a slot unless it exists; the caller holds the slot's lock in some mode.
  fs::path ready(int number, const std::function<void(const fs::path&)>& fill, std::stop_token stop) const {
    fs::path path = slot(number);
    if (fs::exists(path)) return path;
    util::FileLock making = util::FileLock::acquire(base_ / "make.lock", util::LockMode::exclusive, stop);
    if (fs::exists(path)) return path;
    sweep();
    util::TempDir fresh(base_, "new-");
    fs::path inner = fresh.path() / "fs";
    if (::mkdir(inner.c_str(), 0755) != 0 || ::chmod(inner.c_str(), 0755) != 0) {
      util::throw_errno(fmt::format("make the cache mount directory `{}`", inner.native()));
    }
    if (fill) fill(inner);
    if (::rename(inner.c_str(), path.c_str()) != 0) {
      util::throw_errno(fmt::format("make the cache mount directory `{}`", path.native()));
    }
    return path;
  }

 private:
  /// Deletes what a killed process left; the caller holds make.lock.
  void sweep() const {
    for (const fs::directory_entry& entry : fs::directory_iterator(base_)) {
      if (entry.path().filename().native().starts_with("new-")) util::remove_tree(entry.path());
    }
  }

  fs::path base_;
  std::string key_;
};

class SlotLease final : public MountLease {
 public:
  SlotLease(util::FileLock lock, fs::path directory) : lock_(std::move(lock)), directory_(std::move(directory)) {}
  const fs::path& directory() const override { return directory_; }

 private:
  util::FileLock lock_;
  fs::path directory_;
};

}  // namespace

MountCache::MountCache(fs::path directory) : directory_(std::move(directory)) {}

std::unique_ptr<MountLease> MountCache::acquire(const std::string& key, MountSharing sharing,
                                                const std::function<void(const fs::path&)>& fill,
                                                std::stop_token stop) {
  Slots slots(directory_, key);
  slots.make_base();
  if (sharing == MountSharing::locked) {
    util::FileLock lock = util::FileLock::acquire(slots.lock_file(0), util::LockMode::exclusive, stop);
    fs::path path = slots.ready(0, fill, stop);
    return std::make_unique<SlotLease>(std::move(lock), std::move(path));
  }
  util::LockMode mode = sharing == MountSharing::shared ? util::LockMode::shared : util::LockMode::exclusive;
  for (int number = 0;; ++number) {
    if (stop.stop_requested()) throw util::Cancelled();
    std::optional<util::FileLock> lock = util::FileLock::try_acquire(slots.lock_file(number), mode);
    if (!lock) continue;
    fs::path path = slots.ready(number, fill, stop);
    return std::make_unique<SlotLease>(std::move(*lock), std::move(path));
  }
}

void MountCache::clear(const std::string& key, std::stop_token stop) {
  Slots slots(directory_, key);
  if (!slots.exist()) return;
  for (int number = 0; fs::exists(slots.lock_file(number)); ++number) {
    util::FileLock lock = util::FileLock::acquire(slots.lock_file(number), util::LockMode::exclusive, stop);
    fs::path path = slots.slot(number);
    if (!fs::exists(path)) continue;
    util::TempDir rubbish(slots.base(), "old-");
    if (::rename(path.c_str(), (rubbish.path() / "fs").c_str()) != 0) {
      util::throw_errno(fmt::format("empty the cache mount `{}`", path.native()));
    }
  }
}

}  // namespace cache
