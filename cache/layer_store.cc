#include "cache/layer_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "cache/layer_store_state.h"
#include "cache/named_lock.h"
#include "oci/listing_reader.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"

namespace cache {
namespace {

bool directory_exists(const std::filesystem::path& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string random_name(char letter) {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) util::throw_errno("get random bytes");
  return fmt::format("{}{:016x}", letter, value);
}

bool same_remote(const oci::Descriptor& a, const oci::Descriptor& b) {
  return a.digest == b.digest && a.media_type == b.media_type && a.size == b.size;
}

}  // namespace

LayerStore::State::State(std::filesystem::path root_path, ContentStore& content_store, RecordStore& record_store,
                         std::filesystem::path temporary_path)
    : root(std::move(root_path)), content(content_store), records(record_store), temporary(std::move(temporary_path)) {
  for (const char* name : {"snapshots", "listings", "locks"}) util::make_directories(root / name);
  if (temporary.empty()) {
    util::make_directories(root / "tmp");
    own_temporary = std::make_unique<ProcessTemporary>(root / "tmp");
    temporary = own_temporary->path();
  }
}

std::shared_ptr<void> LayerStore::State::lock(const LayerId& id, std::stop_token stop) {
  return lock_named(root / "locks", "layer-" + std::string(id.hex()), std::move(stop));
}

LayerRow LayerStore::State::row(const LayerId& id) {
  if (std::optional<LayerRow> found = records.find_layer(id)) return std::move(*found);
  throw util::Error(fmt::format("use layer `{}`: it is not in the cache", id.to_string()));
}

std::optional<std::filesystem::path> LayerStore::State::find_directory(const LayerRow& row) {
  if (row.snapshot.empty() || row.snapshot[0] != form.letter) return std::nullopt;
  std::filesystem::path path = snapshot_directory(row.snapshot);
  if (!directory_exists(path)) return std::nullopt;
  return path;
}

std::optional<BlobRow> LayerStore::State::find_blob_row(const LayerId& id, const PackOptions& options) {
  std::optional<BlobRow> other;
  auto fits = [&](const BlobRow& row) {
    return row.compression == options.compression && row.variant == pack_variant(options);
  };
  {
    auto shared = memory.lock();
    const auto own = shared->packed_here.find(id);
    if (own != shared->packed_here.end() && fits(own->second) && content.contains(own->second.digest))
      return own->second;
  }
  for (BlobRow& row : records.layer_blobs(id)) {
    if (!content.contains(row.digest)) continue;
    bool same_compression = row.compression == options.compression;
    if (fits(row)) return std::move(row);
    if (!other || same_compression) other = std::move(row);
  }
  if (options.force) return std::nullopt;
  return other;
}

Listing LayerStore::State::find_listing(const LayerRow& row) {
  if (Listing known = memory.lock()->listings.find(row.id)) return known;
  if (!row.has_listing) return nullptr;
  try {
    auto entries = oci::decode_listing(util::read_file(listing_file(row.id)));
    Listing listing = std::make_shared<const std::vector<oci::LayerEntry>>(std::move(entries));
    memory.lock()->listings.put(row.id, listing);
    return listing;
  } catch (const util::Error& error) {
    note_damaged_listing(row, error);
    return nullptr;
  }
}

void LayerStore::State::note_damaged_listing(const LayerRow& row, const util::Error& error) {
  util::log_warning(fmt::format("the listing of layer `{}` is made anew: {}", row.id.to_string(), error.what()));
  records.set_directory(row.id, row.snapshot, false, row.size);
}

LayerStore::State::NextEntry LayerStore::State::find_entries(const LayerRow& row) {
  if (Listing known = memory.lock()->listings.find(row.id)) return entries_of(std::move(known));
  if (!row.has_listing) return nullptr;
  try {
    return [reader = std::make_shared<oci::ListingReader>(listing_file(row.id))](oci::LayerEntry& entry) { return reader->next(entry); };
  } catch (const util::Error& error) {
    note_damaged_listing(row, error);
    return nullptr;
  }
}

LayerStore::State::NextEntry LayerStore::State::entries_of(Listing listing) {
  return [listing = std::move(listing), next = std::size_t{0}](oci::LayerEntry& entry) mutable {
    if (next == listing->size()) return false;
    entry = (*listing)[next++];
    return true;
  };
}

util::AtomicFile LayerStore::State::draft_listing(std::span<const oci::LayerEntry> entries) const {
  util::AtomicFile file(temporary / "listing", 0600);
  util::FdWriter to(file.fd());
  util::with_context("store the listing of a layer", [&] { oci::encode_listing(entries, to); });
  return file;
}

std::string LayerStore::State::adopt_directory(const std::filesystem::path& directory,
                                               const std::vector<std::string>& implied) {
  std::string name = random_name(form.letter);
  std::filesystem::path home = root / "snapshots" / name;
  if (::mkdir(home.c_str(), 0700) != 0) util::throw_errno(fmt::format("create `{}`", home.native()));
  std::filesystem::path target = home / "fs";
  write_implied(target, implied);
  if (::rename(directory.c_str(), target.c_str()) != 0) {
    int code = errno;
    util::remove_tree(home);
    throw util::SystemError(fmt::format("move `{}` into the cache", directory.native()), code);
  }
  return name;
}

void LayerStore::State::forget(const LayerId& id) {
  auto known = memory.lock();
  known->known.erase(id);
  known->directories.erase(id);
  known->listings.erase(id);
}

LayerStore::LayerStore(std::filesystem::path root, ContentStore& content, RecordStore& records,
                       std::filesystem::path temporary)
    : state_(std::make_unique<State>(std::move(root), content, records, std::move(temporary))) {}

LayerStore::~LayerStore() = default;

void LayerStore::set_fetcher(Fetcher fetcher) {
  state_->fetcher = std::move(fetcher);
}

bool LayerStore::contains(const LayerId& id) {
  if (state_->memory.lock()->known.contains(id)) return true;
  std::optional<LayerRow> row = state_->records.find_layer(id);
  if (!row) return false;
  bool found =
      row->remote.has_value() || state_->find_directory(*row).has_value() || state_->find_blob_row(id, {}).has_value();
  if (found) state_->memory.lock()->known.insert(id);
  return found;
}

bool LayerStore::is_here(const LayerId& id) {
  const std::optional<LayerRow> row = state_->records.find_layer(id);
  return row && (state_->find_directory(*row) || state_->local_blob(*row));
}

void LayerStore::add_remote(const LayerId& diff_id, const oci::Descriptor& descriptor, const std::string& origin) {
  std::optional<LayerRow> row = state_->records.find_layer(diff_id);
  if (row && row->remote && same_remote(*row->remote, descriptor) && row->remote_origin == origin) return;
  state_->records.set_remote(diff_id, descriptor, origin);
}

std::int64_t LayerStore::created(const LayerId& id) {
  std::optional<LayerRow> row = state_->records.find_layer(id);
  return row ? row->created : 0;
}

std::shared_ptr<const std::vector<oci::LayerEntry>> LayerStore::listing(const LayerId& id, std::stop_token stop) {
  return state_->listing(id, std::move(stop));
}

std::vector<Listing> LayerStore::State::listings(const std::vector<LayerId>& chain, std::stop_token stop) {
  std::vector<Listing> found;
  for (const LayerId& id : chain) found.push_back(listing(id, stop));
  return found;
}

std::shared_ptr<const MergedListing> LayerStore::State::merged(const std::vector<LayerId>& chain,
                                                               std::stop_token stop) {
  Result result;
  result.layers = chain;
  util::Digest key = chain_id(result);
  if (auto known = memory.lock()->merged.find(key)) return known;
  auto made = std::make_shared<const MergedListing>(listings(chain, stop));
  memory.lock()->merged.put(key, made);
  return made;
}

std::shared_ptr<const Tree> LayerStore::tree(std::span<const LayerId> chain, std::stop_token stop) {
  std::vector<LayerId> layers(chain.begin(), chain.end());
  auto load = [state = state_.get(), layers, stop] { return state->listings(layers, stop); };
  auto merge = [state = state_.get(), layers, stop] { return state->merged(layers, stop); };
  auto directory_of = [this, layers, stop](std::size_t layer) { return directory(layers[layer], nullptr, stop); };
  auto damaged = [state = state_.get(), layers](std::size_t layer, const std::string& path) {
    state->throw_damaged_directory(layers[layer], path);
  };
  return std::make_shared<LayeredTree>(std::move(load), std::move(merge), std::move(directory_of), std::move(damaged));
}

}  // namespace cache
