#include "cache/prune.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/scope_exit.h"
#include "util/temp.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

/// "Used" times are kept to the hour; within one other things decide.
constexpr std::int64_t kHour = 3600LL * 1000 * 1000 * 1000;

bool may_go(const UsageEntry& entry, const PrunePolicy& policy) {
  if (entry.in_use) return false;
  if (policy.filter && !policy.filter(entry)) return false;
  if (entry.orphan || policy.all) return true;
  return entry.type != UsageType::internal && !entry.shared();
}

bool less_valuable(const UsageEntry& a, const UsageEntry& b) {
  if (a.orphan != b.orphan) return a.orphan;
  if (a.used / kHour != b.used / kHour) return a.used < b.used;
  if (a.depth != b.depth) return a.depth > b.depth;
  if (a.size != b.size) return a.size > b.size;
  return a.id < b.id;
}

/// How much may stay; nothing = no limit was given, everything goes.
std::optional<std::uint64_t> bytes_to_keep(const PrunePolicy& policy, std::uint64_t total, std::uint64_t free_space) {
  if (!policy.reserved_space && !policy.max_used_space && !policy.min_free_space) return std::nullopt;
  std::uint64_t keep = policy.max_used_space || policy.min_free_space ? total : 0;
  if (policy.max_used_space) keep = *policy.max_used_space;
  if (policy.min_free_space && *policy.min_free_space > free_space) {
    const std::uint64_t excess = *policy.min_free_space - free_space;
    keep = std::min(keep, total > excess ? total - excess : 0);
  }
  return std::max(keep, policy.reserved_space.value_or(0));
}

/// Follows from what goes to what is of no use without it.
class Selection {
 public:
  Selection(const UsageReport& report, const PrunePolicy& policy) : report_(report), policy_(policy) {
    for (std::size_t i = 0; i < report.records.size(); ++i) {
      for (const LayerId& layer : report.records[i].layers) records_with_[layer].push_back(i);
    }
    for (const auto& [layer, records] : records_with_) records_left_[layer] = records.size();
    for (std::size_t i = 0; i < report.entries.size(); ++i) {
      const UsageEntry& entry = report.entries[i];
      if (!entry.layers.empty()) entries_of_[entry.layers.front()].push_back(i);
    }
  }

  void take(std::size_t index) {
    if (!taken_.insert(index).second) return;
    order_.push_back(index);
    const UsageEntry& entry = report_.entries[index];
    for (const LayerId& layer : entry.layers) take_what_is_above(layer);
  }
  const std::vector<std::size_t>& order() const { return order_; }
  bool takes_layers() const {
    return std::ranges::any_of(order_, [&](std::size_t i) { return !report_.entries[i].layers.empty(); });
  }

 private:
  using Indexes = std::vector<std::size_t>;

  void take_what_is_above(const LayerId& gone) {
    const auto records = records_with_.find(gone);
    if (records == records_with_.end()) return;
    std::set<std::size_t> useless;
    for (const std::size_t index : records->second) {
      if (!records_gone_.insert(index).second) continue;
      for (const LayerId& layer : report_.records[index].layers) {
        if (--records_left_[layer] != 0) continue;
        if (const auto entries = entries_of_.find(layer); entries != entries_of_.end()) {
          useless.insert(entries->second.begin(), entries->second.end());
        }
      }
    }
    for (const std::size_t index : useless) {
      const UsageEntry& entry = report_.entries[index];
      // A layer that was pulled is as good as before.
      const bool pulled = entry.created == 0;
      if (!pulled && !entry.in_use && (policy_.all || !entry.shared())) take(index);
    }
  }

  const UsageReport& report_;
  const PrunePolicy& policy_;
  std::unordered_map<LayerId, Indexes> records_with_;  ///< as often as they are in its chain
  std::unordered_map<LayerId, Indexes> entries_of_;    ///< by their own layer
  std::unordered_map<LayerId, std::size_t> records_left_;
  std::unordered_set<std::size_t> records_gone_;
  std::set<std::size_t> taken_;
  std::vector<std::size_t> order_;
};

RemovedRows rows_of(const UsageReport& report, const std::vector<UsageEntry>& entries) {
  RemovedRows rows;
  std::unordered_set<util::Digest> gone;
  for (const UsageEntry& entry : entries) {
    rows.layers.insert(rows.layers.end(), entry.layers.begin(), entry.layers.end());
    rows.facts.insert(rows.facts.end(), entry.facts.begin(), entry.facts.end());
    gone.insert(entry.layers.begin(), entry.layers.end());
  }
  for (const RecordUse& record : report.records) {
    if (std::ranges::any_of(record.layers, [&](const LayerId& layer) { return gone.contains(layer); })) {
      rows.records.push_back(record.key);
    }
  }
  return rows;
}

/// What of a report is left when `entries` are gone.
void forget(UsageReport& report, const std::vector<UsageEntry>& entries) {
  const RemovedRows rows = rows_of(report, entries);
  const std::unordered_set<std::string> records(rows.records.begin(), rows.records.end());
  std::erase_if(report.records, [&](const RecordUse& record) { return records.contains(record.key); });
  std::unordered_set<std::string_view> ids;
  for (const UsageEntry& entry : entries) ids.insert(entry.id);
  std::erase_if(report.entries, [&](const UsageEntry& entry) { return ids.contains(entry.id); });
}

/// Things on their way out: moved aside while the root is locked, deleted afterwards.
class Rubbish {
 public:
  explicit Rubbish(const fs::path& temporary) : home_(temporary, "pruned-") {}
  void take(const fs::path& path) {
    const fs::path target = home_.path() / std::to_string(count_++);
    if (::rename(path.c_str(), target.c_str()) != 0 && errno != ENOENT) {
      util::throw_errno(fmt::format("delete `{}`", path.native()));
    }
  }

 private:
  util::TempDir home_;
  int count_ = 0;
};

/// Locks that dead processes left; nobody else is there.
void remove_stale_locks(const fs::path& root) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "locks", ignored)) {
    ::unlink(entry.path().c_str());
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "git", ignored)) {
    if (entry.path().extension() == ".lock") ::unlink(entry.path().c_str());
  }
}

void share_again(CacheDir& cache) noexcept {
  try {
    cache.lock_shared();
  } catch (const std::exception& error) {
    util::log_warning(error.what());
  }
}

void remove_entries(CacheDir& cache, const UsageReport& report, const std::vector<UsageEntry>& entries,
                    Rubbish& rubbish) {
  UsageRows rows(cache.root() / "cache.db");
  rows.remove(rows_of(report, entries));
  for (const UsageEntry& entry : entries) {
    for (const util::Digest& blob : entry.blobs) cache.content().remove(blob);
    for (const fs::path& path : entry.paths) rubbish.take(path);
  }
  remove_stale_locks(cache.root());
  rows.remove_unused_summaries();
}

}  // namespace

std::uint64_t free_space_of(const std::filesystem::path& root) {
  struct statvfs status = {};
  if (::statvfs(root.c_str(), &status) != 0) util::throw_errno(fmt::format("look at the disk of `{}`", root.native()));
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

std::vector<UsageEntry> select_for_pruning(const UsageReport& report, const PrunePolicy& policy,
                                           std::uint64_t free_space) {
  std::vector<std::size_t> candidates;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < report.entries.size(); ++i) {
    total += report.entries[i].own_size();
    if (may_go(report.entries[i], policy)) candidates.push_back(i);
  }
  std::ranges::sort(candidates, [&](std::size_t a, std::size_t b) {
    return less_valuable(report.entries[a], report.entries[b]);
  });
  const std::optional<std::uint64_t> keep = bytes_to_keep(policy, total, free_space);
  Selection selection(report, policy);
  std::size_t counted = 0;
  for (std::size_t candidate : candidates) {
    if (keep && total <= *keep && !report.entries[candidate].orphan) break;
    selection.take(candidate);
    for (; counted < selection.order().size(); ++counted) total -= report.entries[selection.order()[counted]].own_size();
  }
  if (selection.takes_layers()) {
    for (std::size_t i = 0; i < report.entries.size(); ++i) {
      if (report.entries[i].derived) selection.take(i);
    }
  }
  std::vector<UsageEntry> victims;
  for (std::size_t index : selection.order()) victims.push_back(report.entries[index]);
  return victims;
}

std::vector<UsageEntry> prune(CacheDir& cache, const PrunePolicy& policy, const std::function<void()>& waiting,
                              std::stop_token stop) {
  Rubbish rubbish(cache.temporary());
  cache.lock_exclusively(std::move(stop), waiting);
  const util::ScopeExit unlock([&] { share_again(cache); });
  const UsageReport report = usage(cache);
  std::vector<UsageEntry> victims = select_for_pruning(report, policy, free_space_of(cache.root()));
  remove_entries(cache, report, victims, rubbish);
  return victims;
}

std::optional<std::vector<UsageEntry>> prune_if_alone(CacheDir& cache, std::span<const PrunePolicy> policies) {
  Rubbish rubbish(cache.temporary());
  if (!cache.try_lock_exclusively()) return std::nullopt;
  const util::ScopeExit unlock([&] { share_again(cache); });
  UsageReport report = usage(cache);
  std::uint64_t free_space = free_space_of(cache.root());
  std::vector<UsageEntry> gone;
  for (const PrunePolicy& policy : policies) {
    const std::vector<UsageEntry> victims = select_for_pruning(report, policy, free_space);
    remove_entries(cache, report, victims, rubbish);
    free_space += own_size(victims);
    forget(report, victims);
    gone.insert(gone.end(), victims.begin(), victims.end());
  }
  return gone;
}

DeletedBlobs delete_image_blobs(CacheDir& cache, const std::vector<util::Digest>& blobs) {
  Rubbish rubbish(cache.temporary());
  const bool alone = cache.try_lock_exclusively();
  const util::ScopeExit unlock([&] { if (alone) share_again(cache); });
  const UsageReport report = usage(cache, UsageScope::layers);
  std::set<LayerId> recorded;
  for (const RecordUse& record : report.records) recorded.insert(record.layers.begin(), record.layers.end());
  const std::set<util::Digest> wanted(blobs.begin(), blobs.end());
  std::vector<UsageEntry> victims;
  std::set<util::Digest> gone;
  DeletedBlobs deleted;
  for (const UsageEntry& entry : report.entries) {
    const bool ours = std::ranges::any_of(entry.blobs, [&](const util::Digest& blob) { return wanted.contains(blob); });
    const bool known = std::ranges::any_of(entry.layers, [&](const LayerId& layer) { return recorded.contains(layer); });
    if (!ours || entry.shared() || known || !entry.facts.empty()) continue;
    gone.insert(entry.blobs.begin(), entry.blobs.end());
    deleted.bytes += entry.own_size();
    victims.push_back(entry);
  }
  if (alone) remove_entries(cache, report, victims, rubbish);
  const auto went = [&](const util::Digest& blob) { return gone.contains(blob); };
  std::ranges::copy_if(blobs, std::back_inserter(deleted.blobs), went);
  return deleted;
}

}  // namespace cache
