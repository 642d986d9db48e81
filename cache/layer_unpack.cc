#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "cache/archive_digest.h"
#include "cache/damage.h"
#include "cache/growing_blob.h"
#include "cache/layer_store.h"
#include "cache/layer_store_state.h"
#include "cache/named_lock.h"
#include "cache/read_ahead.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/log.h"
#include "util/stats.h"
#include "util/temp.h"

namespace cache {
namespace {

/// Layers that are fetched and unpacked at a time: what docker downloads at a time, more where there are more cores. Each
/// has three threads at work; a fourth layer on two cores takes more time than it saves.
std::size_t unpack_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 3U, 8U);
}

/// Reports how much of a blob went by, and stops when asked to.
class BlobReader final : public util::Reader {
 public:
  BlobReader(std::unique_ptr<util::Reader> from, std::uint64_t total, std::string part, util::ProgressTask* task,
             std::stop_token stop)
      : from_(std::move(from)), total_(total), part_(std::move(part)), task_(task), stop_(std::move(stop)) {}

  std::size_t read(std::span<std::byte> buffer) override {
    if (stop_.stop_requested()) throw util::Cancelled();
    std::size_t count = from_->read(buffer);
    current_ += count;
    bool complete = count == 0;
    if (task_ != nullptr && !reported_ && (complete || current_ - shown_ >= kStep)) {
      shown_ = current_;
      reported_ = complete;
      task_->bytes(part_, static_cast<std::int64_t>(current_), static_cast<std::int64_t>(total_), complete);
    }
    return count;
  }

 private:
  static constexpr std::uint64_t kStep = 1 << 20;
  std::unique_ptr<util::Reader> from_;
  std::uint64_t total_;
  std::string part_;
  util::ProgressTask* task_;
  std::stop_token stop_;
  std::uint64_t current_ = 0;
  std::uint64_t shown_ = 0;
  bool reported_ = false;
};

/// What comes behind the end of the archive counts for the digests.
void drain(util::Reader& reader) {
  const util::Buffer buffer(64 * 1024);
  while (reader.read(buffer) != 0) {
  }
}

/// How the display names this part of a task.
std::string extracting(const util::Digest& blob) {
  return "extracting " + blob.to_string();
}

}  // namespace

std::filesystem::path made_layer_root(const util::TempDir& temporary) {
  std::filesystem::path root = temporary.path() / "fs";
  if (::mkdir(root.c_str(), 0755) != 0 || ::chmod(root.c_str(), 0755) != 0) {
    util::throw_errno(fmt::format("create `{}`", root.native()));
  }
  return root;
}

void LayerStore::State::throw_lost(const LayerRow& row) {
  // Listing and age stay: a step that makes the same layer again gives it the times it had.
  LayerRow rest = records.find_layer(row.id).value_or(row);
  rest.snapshot.clear();
  records.replace_layer(rest, {});
  forget(row.id);
  throw Damage(row.id, fmt::format("use layer `{}`: its content is no longer in the cache", row.id.to_string()),
               "run the build again; the step that makes the layer will run");
}

void LayerStore::State::throw_damaged_directory(const LayerId& id, const std::string& path) {
  const LayerRow row = this->row(id);
  if (!row.snapshot.empty()) {
    util::log_warning(fmt::format("the unpacked layer in `{}` is damaged: `/{}` is not what it was, and the directory is dropped",
                                  snapshot_directory(row.snapshot).native(), path));
    records.set_directory(id, "", row.has_listing, row.size);
  }
  forget(id);
  throw Damage(id, fmt::format("read `/{}` of layer `{}`: it was damaged in the store", path, id.to_string()), "run the build again");
}

void LayerStore::State::fetch(const LayerRow& row, util::ProgressTask* task, std::stop_token stop) {
  static util::Counter& fetched = util::counter("cache.fetched");
  if (!row.remote) throw_lost(row);
  const oci::Descriptor& remote = *row.remote;
  if (!fetcher) {
    throw util::Error(
        fmt::format("fetch layer `{}` from `{}`: not possible here", remote.digest.to_string(), row.remote_origin));
  }
  auto held = lock_named(root / "locks", "blob-" + std::string(remote.digest.hex()), stop);
  if (content.contains(remote.digest)) return;
  fetcher(remote, row.remote_origin, task, stop);
  if (!content.contains(remote.digest)) {
    throw util::Error(
        fmt::format("fetch layer `{}` from `{}`: it did not arrive", remote.digest.to_string(), row.remote_origin));
  }
  fetched.add();
}

bool LayerStore::State::was_damaged(const util::Digest& blob, const std::stop_token& stop) {
  if (!content.contains(blob)) return true;
  try {
    content.verify(blob, stop);
    return false;
  } catch (const Damage&) {
    return true;
  }
}

std::optional<util::Digest> LayerStore::State::local_blob(const LayerRow& row) {
  if (row.remote && content.contains(row.remote->digest)) return row.remote->digest;
  for (const BlobRow& blob : records.layer_blobs(row.id)) {
    if (content.contains(blob.digest)) return blob.digest;
  }
  return std::nullopt;
}

std::filesystem::path LayerStore::State::unpack_bytes(const LayerRow& row, const util::Digest& diff_id, util::Reader& raw) {
  static util::Counter& unpacked = util::counter("layers.unpacked");
  util::ScopedTimer timer("unpack");
  util::TempDir home(temporary, "unpack-");
  std::filesystem::path directory = made_layer_root(home);
  LayerDirectoryWriter writer(directory, form);
  std::unique_ptr<util::Reader> plain = util::make_decompressor(raw);
  util::Digest found;
  {
    ReadAhead ahead(*plain);
    ArchiveDigest tar(ahead);
    oci::read_layer(tar, [&](oci::LayerEntry& entry, util::Reader* bytes) {
      if (entry.kind == oci::LayerEntry::Kind::opaque) return writer.add_opaque_marker(entry.path);
      if (bytes == nullptr) return writer.add(std::move(entry), nullptr);
      ArchiveDigest::Member member(tar, *bytes);
      writer.add(std::move(entry), &member);
    });
    drain(tar);
    found = tar.digest();
  }
  drain(raw);
  if (found != diff_id) {
    throw util::Error(
        fmt::format("content has the digest `{}` instead of `{}`", found.to_string(), diff_id.to_string()));
  }
  LayerDirectoryWriter::Output output = writer.finish();
  // The listing of a built layer has the full times, the tar does not.
  if (!find_listing(row)) draft_listing(output.entries).commit_as(listing_file(row.id));
  std::string name = adopt_directory(directory, output.implied);
  records.set_directory(row.id, name, true, output.size);
  unpacked.add();
  return snapshot_directory(name);
}

std::filesystem::path LayerStore::State::unpack_blob(const LayerRow& row, const util::Digest& blob,
                                                     util::ProgressTask* task, std::stop_token stop) {
  util::Digest diff_id = row.id;
  for (const BlobRow& packed : records.layer_blobs(row.id)) {
    if (packed.digest == blob) diff_id = packed.diff_id;
  }
  std::uint64_t total = content.find(blob).value_or(BlobInfo{}).size;
  BlobReader raw(content.open(blob), total, extracting(blob), task, std::move(stop));
  return unpack_bytes(row, diff_id, raw);
}

std::optional<std::filesystem::path> LayerStore::State::unpack_arriving(const LayerRow& row, util::ProgressTask* task,
                                                                        std::stop_token stop) {
  const util::Digest& blob = row.remote->digest;
  std::shared_ptr<GrowingBlob> arriving = content.expect(blob);
  std::exception_ptr failure;
  std::jthread download;
  try {
    download = std::jthread([&] {
      try {
        fetch(row, task, stop);
      } catch (...) {
        failure = std::current_exception();
      }
      arriving->end(false);  // if it is here by another way than a writer of this process
    });
  } catch (const std::system_error&) {
    fetch(row, task, stop);
    return std::nullopt;
  }
  std::optional<std::filesystem::path> made;
  try {
    BlobReader raw(std::make_unique<GrowingBlobReader>(arriving, stop), static_cast<std::uint64_t>(row.remote->size),
                   extracting(blob), task, stop);
    made = unpack_bytes(row, row.id, raw);
  } catch (const util::Cancelled&) {
    throw;
  } catch (const util::Error& error) {
    // The download says better what is wrong, or else the blob when it is read once more.
    util::log_debug(fmt::format("unpack layer `{}` while it arrives: {}", row.id.to_string(), error.what()));
  }
  download.join();
  if (failure) std::rethrow_exception(failure);
  return made;
}

std::filesystem::path LayerStore::State::unpack(const LayerRow& row, util::ProgressTask* task, std::stop_token stop) {
  // A blob that turns out to be damaged is dropped by the content store; then there is one more way to try for each
  // packed form.
  for (int attempt = 0;; ++attempt) {
    std::optional<util::Digest> blob = local_blob(row);
    if (!blob) {
      if (!row.remote) throw_lost(row);
      if (std::optional<std::filesystem::path> made = unpack_arriving(row, task, stop)) return *made;
      blob = local_blob(row);
      if (!blob) throw_lost(row);
    }
    try {
      return unpack_blob(row, *blob, task, stop);
    } catch (const util::Cancelled&) {
      throw;
    } catch (util::Error& error) {
      if (attempt < 3 && was_damaged(*blob, stop)) continue;
      error.add_context(fmt::format("unpack layer `{}`", row.id.to_string()));
      throw;
    }
  }
}

std::filesystem::path LayerStore::directory(const LayerId& id, util::ProgressTask* task, std::stop_token stop) {
  {
    auto memory = state_->memory.lock();
    auto known = memory->directories.find(id);
    if (known != memory->directories.end()) return known->second;
  }
  LayerRow row = state_->row(id);
  std::optional<std::filesystem::path> path = state_->find_directory(row);
  if (!path) {
    auto held = state_->lock(id, stop);
    row = state_->row(id);
    path = state_->find_directory(row);
    if (!path) path = state_->unpack(row, task, stop);
  }
  state_->records.touch(id);
  state_->memory.lock()->directories[id] = *path;
  return *path;
}

std::vector<std::filesystem::path> LayerStore::directories(std::span<const LayerId> chain, util::ProgressTask* task,
                                                           std::stop_token stop) {
  std::vector<std::filesystem::path> paths(chain.size());
  std::vector<std::exception_ptr> failures(chain.size());
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  auto work = [&] {
    for (std::size_t i = next++; i < chain.size() && !failed; i = next++) {
      try {
        paths[i] = directory(chain[i], task, stop);
      } catch (...) {
        failures[i] = std::current_exception();
        failed = true;
      }
    }
  };
  {
    // Layers that are unpacked already cost a look-up; threads are for those that are not.
    std::vector<std::jthread> threads;
    std::size_t missing = 0;
    for (const LayerId& id : chain) missing += has_directory(id) ? 0 : 1;
    for (std::size_t i = 1; i < std::min(missing, unpack_threads()); ++i) threads.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return paths;
}

bool LayerStore::has_directory(const LayerId& id) {
  if (state_->memory.lock()->directories.contains(id)) return true;
  std::optional<LayerRow> row = state_->records.find_layer(id);
  return row && state_->find_directory(*row).has_value();
}

Listing LayerStore::State::rebuild_listing(const LayerRow& row, const std::filesystem::path& directory,
                                           std::stop_token stop) {
  std::vector<oci::LayerEntry> entries = scan_layer_directory(directory);
  std::vector<std::string> implied = read_implied(directory);
  std::erase_if(entries, [&](const oci::LayerEntry& entry) {
    return entry.is_directory() && std::find(implied.begin(), implied.end(), entry.path) != implied.end();
  });
  complete_listing(entries, DirectoryOpener(directory), std::move(stop));
  // The id of a built layer is that of its content; the listing, which would tell more, is what is missing.
  if (!row.remote && oci::canonical_digest(entries) != row.id) return nullptr;
  draft_listing(entries).commit_as(listing_file(row.id));
  records.set_directory(row.id, row.snapshot, true, row.size);
  Listing listing = std::make_shared<const std::vector<oci::LayerEntry>>(std::move(entries));
  memory.lock()->listings.put(row.id, listing);
  return listing;
}

Listing LayerStore::State::listing(const LayerId& id, std::stop_token stop) {
  if (Listing known = memory.lock()->listings.find(id)) return known;
  if (Listing known = find_listing(row(id))) return known;
  auto held = lock(id, stop);
  LayerRow current = row(id);
  if (Listing known = find_listing(current)) return known;
  std::optional<std::filesystem::path> directory = find_directory(current);
  // Of a pulled layer the blob is the better witness: the directory may lack what this machine could not store.
  if (directory && !current.remote && form.keeps_owners) {
    if (Listing made = rebuild_listing(current, *directory, stop)) return made;
  }
  unpack(current, nullptr, stop);
  if (Listing made = find_listing(row(id))) return made;
  throw util::Error(fmt::format("list layer `{}`: its listing cannot be read back", id.to_string()));
}

}  // namespace cache
