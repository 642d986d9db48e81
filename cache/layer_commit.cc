#include <system_error>
#include <utility>

#include "cache/content_feed.h"
#include "cache/layer_store.h"
#include "cache/layer_store_state.h"
#include "util/check.h"
#include "util/error.h"
#include "util/parallel.h"
#include "util/stats.h"
#include "util/temp.h"
#include "util/time.h"

namespace cache {
namespace {

/// So many entries are in memory at a time where their files are read on all cores.
constexpr std::size_t kBatch = 4096;
/// Bytes of content from which on reading ahead of the archive pays.
constexpr std::uint64_t kWorthAThread = std::uint64_t{256} << 10;

using Entries = std::vector<oci::LayerEntry>;

/// Runs `f` for every regular file on all cores.
template <typename F>
void for_each_file(Entries& entries, const std::stop_token& stop, F&& f) {
  std::vector<oci::LayerEntry*> files;
  std::uint64_t size = 0;
  for (oci::LayerEntry& entry : entries) {
    if (!is_content(entry)) continue;
    files.push_back(&entry);
    size += entry.size;
  }
  util::parallel_for(files.size(), size, [&](std::size_t i) {
    if (stop.stop_requested()) throw util::Cancelled();
    f(*files[i]);
  });
}

void hash_files(Entries& entries, const ContentOpener& open, const std::stop_token& stop) {
  for_each_file(entries, stop, [&](oci::LayerEntry& entry) {
    if (!entry.content) entry.content = CheckedReader(open(entry), entry, stop).finish();
  });
}

/// Hands every entry to `done`, with its digest.
template <typename F>
void hash_all(CheckedEntries& entries, const ContentOpener& open, const std::stop_token& stop, F&& done) {
  for (Entries some = entries.next_some(kBatch); !some.empty(); some = entries.next_some(kBatch)) {
    hash_files(some, open, stop);
    for (oci::LayerEntry& entry : some) done(entry);
  }
}

/// The writer's own list is not asked for: of files it needs to know those that get other names.
void note_file(LayerDirectoryWriter& writer, const CheckedEntries& all, const oci::LayerEntry& entry) {
  if (all.is_target(entry.path)) writer.note(entry);
}

/// Writes a part of the directory form, hashing on the way.
void write_files(Entries& entries, const CheckedEntries& all, const ContentOpener& open, LayerDirectoryWriter& writer,
                 const std::stop_token& stop) {
  for (const oci::LayerEntry& entry : entries) {
    entry.is_file() ? writer.make_parents(entry.path) : writer.add(entry, nullptr);
  }
  for_each_file(entries, stop, [&](oci::LayerEntry& entry) {
    util::Fd file = writer.create_file(entry);
    entry.content = CheckedReader(open(entry), entry, stop, file.get()).finish();
    writer.complete_file(file.get(), entry);
  });
  for (const oci::LayerEntry& entry : entries) {
    if (is_content(entry)) note_file(writer, all, entry);
  }
  for (const oci::LayerEntry& entry : entries) {
    if (!entry.hard_link.empty()) writer.add(entry, nullptr);
  }
}

/// What can be said of a layer before anything of it is read.
struct Preview {
  std::optional<LayerId> id;  ///< if all digests are known
  bool is_large = false;      ///< reading ahead pays
};

Preview preview(CheckedEntries& entries, bool wants_id) {
  Preview result;
  HardLinkCompleter hard_links(entries.targets());
  oci::CanonicalDigest id;
  std::uint64_t size = 0;
  for (oci::LayerEntry entry; (wants_id || !result.is_large) && entries.next(entry);) {
    size += is_content(entry) ? entry.size : 0;
    result.is_large = size >= kWorthAThread;
    wants_id = wants_id && (!is_content(entry) || entry.content);
    if (!wants_id) continue;
    hard_links.complete(entry);
    id.add(entry);
  }
  if (wants_id) result.id = id.finish();
  entries.rewind();
  return result;
}

/// Null when there is no thread to be had.
std::unique_ptr<ContentFeed> make_feed(CheckedEntries& entries, const ContentOpener& open, util::HashingWriter& archive,
                                       const std::stop_token& stop) {
  try {
    return std::make_unique<ContentFeed>(entries, open, archive, stop);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

/// Writes the tar and, with `writer`, the directory form too; every file is read once.
void write_tar(CheckedEntries& entries, const ContentOpener& open, util::HashingWriter& to, LayerDirectoryWriter* writer,
               const std::stop_token& stop, NewListing& listing) {
  oci::LayerWriter tar(to);
  for (oci::LayerEntry entry; entries.next(entry);) {
    if (stop.stop_requested()) throw util::Cancelled();
    if (!is_content(entry)) {
      tar.add(entry, nullptr);
      if (writer != nullptr) writer->add(entry, nullptr);
      listing.add(entry);
      continue;
    }
    util::Fd copy;
    if (writer != nullptr) {
      writer->make_parents(entry.path);
      copy = writer->create_file(entry);
    }
    {
      CheckedReader reader(open(entry), entry, stop, copy.get());
      reader.share_with(to);
      tar.add(entry, &reader);
      entry.content = reader.finish();
    }
    if (writer != nullptr) {
      writer->complete_file(copy.get(), entry);
      note_file(*writer, entries, entry);
    }
    listing.add(entry);
  }
  tar.finish();
}

/// Writes the tar of what `feed` reads.
void write_tar(ContentFeed& feed, util::HashingWriter& to, const std::stop_token& stop, NewListing& listing) {
  oci::LayerWriter tar(to);
  while (oci::LayerEntry* entry = feed.next()) {
    if (stop.stop_requested()) throw util::Cancelled();
    if (is_content(*entry)) {
      tar.add(*entry, feed.content());
      entry->content = feed.digest();
    } else {
      tar.add(*entry, nullptr);
    }
    listing.add(*entry);
  }
  tar.finish();
}

/// The forms of a new layer while they are made; what is not stored vanishes.
struct NewLayer {
  std::optional<util::TempDir> temporary;
  std::filesystem::path directory;
  std::vector<std::string> implied;
  std::optional<BlobPacker> blob;
};

/// Where new layers are made.
struct Workshop {
  ContentStore& content;
  const std::filesystem::path& temporary;
  const DirectoryForm& form;
};

/// All of a new layer but its place in the store.
class LayerMaker {
 public:
  LayerMaker(Workshop workshop, const ContentOpener& open, const CommitOptions& options, std::stop_token stop)
      : workshop_(workshop), open_(open), options_(options), stop_(std::move(stop)) {}

  void make(CheckedEntries& entries, bool is_large, BlobMirror* mirror) {
    listing_.emplace(workshop_.temporary / "listing", entries);
    if (options_.pack) made_.blob.emplace(workshop_.content, *options_.pack, mirror);
    const bool copy = options_.directory && options_.take_directory.empty();
    std::optional<LayerDirectoryWriter> writer;
    if (copy) {
      made_.temporary.emplace(workshop_.temporary, "layer-");
      made_.directory = made_layer_root(*made_.temporary);
      writer.emplace(made_.directory, workshop_.form);
    } else if (options_.directory) {
      made_.directory = options_.take_directory;
    }
    if (made_.blob) {
      pack(entries, is_large, writer ? &*writer : nullptr);
    } else if (writer) {
      for (Entries some = entries.next_some(kBatch); !some.empty(); some = entries.next_some(kBatch)) {
        write_files(some, entries, open_, *writer, stop_);
        for (oci::LayerEntry& entry : some) listing_->add(entry);
      }
    } else {
      hash_all(entries, open_, stop_, [&](oci::LayerEntry& entry) { listing_->add(entry); });
    }
    if (writer) made_.implied = writer->finish().implied;
    id_ = listing_->finish();
  }
  const LayerId& id() const { return id_; }
  NewListing& listing() { return *listing_; }
  NewLayer& made() { return made_; }

 private:
  void pack(CheckedEntries& entries, bool is_large, LayerDirectoryWriter* writer) {
    util::HashingWriter& tar = made_.blob->tar();
    const std::unique_ptr<ContentFeed> feed = writer == nullptr && is_large ? make_feed(entries, open_, tar, stop_) : nullptr;
    if (feed) {
      write_tar(*feed, tar, stop_, *listing_);
    } else {
      write_tar(entries, open_, tar, writer, stop_, *listing_);
    }
  }

  Workshop workshop_;
  const ContentOpener& open_;
  const CommitOptions& options_;
  std::stop_token stop_;
  NewLayer made_;
  std::optional<NewListing> listing_;
  LayerId id_;
};

}  // namespace

void complete_listing(std::vector<oci::LayerEntry>& entries, const ContentOpener& open, std::stop_token stop) {
  oci::EntryVector all(std::exchange(entries, {}));
  CheckedEntries checked(all);
  HardLinkCompleter hard_links(checked.targets());
  hash_all(checked, open, stop, [&](oci::LayerEntry& entry) {
    hard_links.complete(entry);
    entries.push_back(std::move(entry));
  });
}

LayerId LayerStore::commit(std::vector<oci::LayerEntry> entries, const ContentOpener& open, const CommitOptions& options,
                           std::stop_token stop) {
  oci::EntryVector all(std::move(entries));
  return commit(all, open, options, std::move(stop));
}

LayerId LayerStore::commit(oci::EntryStream& all, const ContentOpener& open, const CommitOptions& options, std::stop_token stop) {
  util::ScopedTimer timer("commit");
  CHECK(options.pack || options.directory);
  CHECK(open || !options.take_directory.empty());
  const ContentOpener contents = open ? open : DirectoryOpener(options.take_directory);
  CheckedEntries entries(all);
  const Preview before = preview(entries, options.substitute);
  if (before.id && contains(*before.id)) return *before.id;
  LayerMaker maker({state_->content, state_->temporary, state_->form}, contents, options, stop);
  maker.make(entries, before.is_large, options.mirror);
  const LayerId id = maker.id();
  if (options.substitute && contains(id)) return id;

  auto held = state_->lock(id, stop);
  if (options.substitute && contains(id)) return id;
  LayerRow row;
  row.id = id;
  row.has_listing = true;
  row.created = util::now_nanoseconds();
  if (options.substitute) {
    if (const std::optional<LayerRow> lost = state_->records.find_layer(id)) {
      // What is left of it says which times it had: it becomes the layer that it was, to the byte.
      if (const Listing was = state_->find_listing(*lost)) {
        row.created = lost->created;
        oci::EntryVector again(*was);
        CheckedEntries old_entries(again);
        maker.make(old_entries, before.is_large, nullptr);
      }
    }
  }
  row.size = maker.listing().content_size();
  NewLayer& made = maker.made();
  std::vector<BlobRow> blobs;
  if (made.blob) blobs.push_back(made.blob->commit(id));
  maker.listing().file().commit_as(state_->listing_file(id));
  if (!made.directory.empty()) row.snapshot = state_->adopt_directory(made.directory, made.implied);
  state_->records.replace_layer(row, blobs);
  state_->forget(id);
  const Listing kept = maker.listing().take_kept();
  auto memory = state_->memory.lock();
  memory->known.insert(id);
  if (!blobs.empty()) memory->packed_here[id] = blobs.front();
  if (kept) memory->listings.put(id, kept);
  return id;
}

}  // namespace cache
