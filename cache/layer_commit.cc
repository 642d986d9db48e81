#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
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

using Entries = std::vector<oci::LayerEntry>;

/// About what one entry of a listing takes.
constexpr std::uint64_t kEncodedEntry = 100;
/// Bytes of content from which on reading ahead of the archive pays.
constexpr std::uint64_t kWorthAThread = std::uint64_t{256} << 10;

oci::LayerEntry* find_entry(Entries& entries, const std::string& path) {
  auto found = std::lower_bound(
      entries.begin(), entries.end(), path,
      [](const oci::LayerEntry& entry, const std::string& wanted) { return oci::path_less(entry.path, wanted); });
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

/// Sorts, and refuses what cannot be a layer: a path twice, something below what is no directory, a dangling hard link.
void normalise(Entries& entries) {
  const auto by_path = [](const oci::LayerEntry& a, const oci::LayerEntry& b) { return oci::path_less(a.path, b.path); };
  if (!std::ranges::is_sorted(entries, by_path)) oci::sort_entries(entries);
  std::vector<const oci::LayerEntry*> above;
  for (std::size_t i = 0; i != entries.size(); ++i) {
    oci::LayerEntry& entry = entries[i];
    // Of all attributes image layers carry file capabilities only, as those of BuildKit do.
    if (!entry.xattrs.empty()) std::erase_if(entry.xattrs.edit(), [](const auto& xattr) { return xattr.first != "security.capability"; });
    if (i > 0 && entries[i - 1].path == entry.path)
      throw util::Error(fmt::format("commit a layer: `/{}` is in it twice", entry.path));
    auto is_above = [&](const oci::LayerEntry* other) {
      return entry.path.size() > other->path.size() && entry.path.starts_with(other->path) &&
             entry.path[other->path.size()] == '/';
    };
    while (!above.empty() && !is_above(above.back())) above.pop_back();
    if (!above.empty() && !above.back()->is_directory()) {
      throw util::Error(fmt::format("commit a layer: `/{}` is below `/{}`, which is not a directory", entry.path,
                                    above.back()->path));
    }
    above.push_back(&entry);
  }
  for (oci::LayerEntry& entry : entries) {
    if (entry.hard_link.empty()) continue;
    const oci::LayerEntry* target = find_entry(entries, entry.hard_link);
    if (target == nullptr || !target->is_file() || !target->hard_link.empty() ||
        !oci::path_less(target->path, entry.path)) {
      throw util::Error(fmt::format("commit a layer: `/{}` is a hard link to `/{}`, which is no file before it",
                                    entry.path, *entry.hard_link));
    }
  }
}

/// Hard links share what their file has.
void complete_hard_links(Entries& entries) {
  for (oci::LayerEntry& entry : entries) {
    if (entry.hard_link.empty()) continue;
    const oci::LayerEntry& target = *find_entry(entries, entry.hard_link);
    entry.content = target.content;
    entry.size = target.size;
  }
}

std::uint64_t content_size(const Entries& entries) {
  std::uint64_t size = 0;
  for (const oci::LayerEntry& entry : entries) size += is_content(entry) ? entry.size : 0;
  return size;
}

/// Runs `f` for every regular file on all cores.
template <typename F>
void for_each_file(Entries& entries, std::stop_token stop, F&& f) {
  std::vector<oci::LayerEntry*> files;
  for (oci::LayerEntry& entry : entries) {
    if (is_content(entry)) files.push_back(&entry);
  }
  util::parallel_for(files.size(), content_size(entries), [&](std::size_t i) {
    if (stop.stop_requested()) throw util::Cancelled();
    f(*files[i]);
  });
}

void hash_files(Entries& entries, const ContentOpener& open, std::stop_token stop) {
  for_each_file(entries, stop, [&](oci::LayerEntry& entry) {
    if (!entry.content) entry.content = CheckedReader(open(entry), entry, stop).finish();
  });
}

/// Writes the directory form, hashing on the way.
std::vector<std::string> write_directory(Entries& entries, const ContentOpener& open,
                                         const std::filesystem::path& directory, const DirectoryForm& form,
                                         std::stop_token stop) {
  LayerDirectoryWriter writer(directory, form);
  for (const oci::LayerEntry& entry : entries) {
    entry.is_file() ? writer.make_parents(entry.path) : writer.add(entry, nullptr);
  }
  for_each_file(entries, stop, [&](oci::LayerEntry& entry) {
    util::Fd file = writer.create_file(entry);
    entry.content = CheckedReader(open(entry), entry, stop, file.get()).finish();
    writer.complete_file(file.get(), entry);
  });
  for (const oci::LayerEntry& entry : entries) {
    if (is_content(entry)) writer.note(entry);
  }
  for (const oci::LayerEntry& entry : entries) {
    if (!entry.hard_link.empty()) writer.add(entry, nullptr);
  }
  return writer.finish().implied;
}

/// Null when what is to be read is not worth a thread, or there is none to be had.
std::unique_ptr<ContentFeed> make_feed(const Entries& entries, const ContentOpener& open, util::HashingWriter& archive,
                                       const std::stop_token& stop) {
  if (content_size(entries) < kWorthAThread) return nullptr;
  try {
    return std::make_unique<ContentFeed>(entries, open, archive, stop);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

/// Writes the tar and, with `writer`, the directory form too; every file is read once.
void write_tar(Entries& entries, const ContentOpener& open, util::HashingWriter& to, LayerDirectoryWriter* writer,
               std::stop_token stop) {
  oci::LayerWriter tar(to);
  const std::unique_ptr<ContentFeed> feed = writer == nullptr ? make_feed(entries, open, to, stop) : nullptr;
  for (oci::LayerEntry& entry : entries) {
    if (stop.stop_requested()) throw util::Cancelled();
    if (!is_content(entry)) {
      tar.add(entry, nullptr);
      if (writer != nullptr) writer->add(entry, nullptr);
      continue;
    }
    if (feed) {
      tar.add(entry, feed->next());
      entry.content = feed->digest();
      continue;
    }
    util::Fd copy;
    if (writer != nullptr) {
      writer->make_parents(entry.path);
      copy = writer->create_file(entry);
    }
    CheckedReader reader(open(entry), entry, stop, copy.get());
    reader.share_with(to);
    tar.add(entry, &reader);
    entry.content = reader.finish();
    if (writer == nullptr) continue;
    writer->complete_file(copy.get(), entry);
    writer->note(entry);
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

bool digests_known(const Entries& entries) {
  return std::all_of(entries.begin(), entries.end(),
                     [](const oci::LayerEntry& entry) { return !is_content(entry) || entry.content; });
}

void make_forms(Entries& entries, const ContentOpener& open, const CommitOptions& options, ContentStore& content,
                const std::filesystem::path& temporary, const DirectoryForm& form, BlobMirror* mirror,
                std::stop_token stop, NewLayer& made) {
  if (options.pack) made.blob.emplace(content, *options.pack, mirror);
  bool copy = options.directory && options.take_directory.empty();
  if (copy) {
    made.temporary.emplace(temporary, "layer-");
    made.directory = made_layer_root(*made.temporary);
  } else if (options.directory) {
    made.directory = options.take_directory;
  }
  if (made.blob) {
    std::optional<LayerDirectoryWriter> writer;
    if (copy) writer.emplace(made.directory, form);
    write_tar(entries, open, made.blob->tar(), writer ? &*writer : nullptr, stop);
    if (writer) made.implied = writer->finish().implied;
  } else if (copy) {
    made.implied = write_directory(entries, open, made.directory, form, stop);
  } else {
    hash_files(entries, open, stop);
  }
}

}  // namespace

void complete_listing(std::vector<oci::LayerEntry>& entries, const ContentOpener& open, std::stop_token stop) {
  normalise(entries);
  hash_files(entries, open, std::move(stop));
  complete_hard_links(entries);
}

LayerId LayerStore::commit(std::vector<oci::LayerEntry> entries, const ContentOpener& open,
                           const CommitOptions& options, std::stop_token stop) {
  util::ScopedTimer timer("commit");
  CHECK(options.pack || options.directory);
  CHECK(open || !options.take_directory.empty());
  normalise(entries);
  ContentOpener contents = open ? open : DirectoryOpener(options.take_directory);
  if (options.substitute && digests_known(entries)) {
    complete_hard_links(entries);
    LayerId known = oci::canonical_digest(entries);
    if (contains(known)) return known;
  }
  NewLayer made;
  make_forms(entries, contents, options, state_->content, state_->temporary, state_->form, options.mirror, stop, made);
  complete_hard_links(entries);
  LayerId id;
  std::optional<util::AtomicFile> listing;
  util::parallel_for(2, entries.size() * kEncodedEntry, [&](std::size_t i) {
    i == 0 ? void(id = oci::canonical_digest(entries)) : void(listing.emplace(state_->draft_listing(entries)));
  });
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
      if (const Listing before = state_->find_listing(*lost)) {
        row.created = lost->created;
        entries = *before;
        listing.emplace(state_->draft_listing(entries));
        make_forms(entries, contents, options, state_->content, state_->temporary, state_->form, nullptr, stop, made);
      }
    }
  }
  row.size = content_size(entries);
  std::vector<BlobRow> blobs;
  if (made.blob) blobs.push_back(made.blob->commit(id));
  listing->commit_as(state_->listing_file(id));
  if (!made.directory.empty()) row.snapshot = state_->adopt_directory(made.directory, made.implied);
  state_->records.replace_layer(row, blobs);
  state_->forget(id);
  auto memory = state_->memory.lock();
  memory->known.insert(id);
  if (!blobs.empty()) memory->packed_here[id] = blobs.front();
  memory->listings.put(id, std::make_shared<const Entries>(std::move(entries)));
  return id;
}

}  // namespace cache
