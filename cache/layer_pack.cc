#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

#include "cache/layer_store.h"
#include "cache/layer_store_state.h"
#include "util/error.h"
#include "util/log.h"
#include "util/stats.h"

namespace cache {
namespace {

constexpr std::size_t kBufferSize = 256 * 1024;

/// The pulled descriptor as an OCI manifest names it; digest and bytes stay.
oci::Descriptor oci_descriptor(const oci::Descriptor& pulled) {
  oci::Descriptor descriptor = pulled;
  if (!descriptor.media_type.starts_with("application/vnd.oci.image.layer.")) {
    descriptor.media_type = oci::layer_media_type(oci::layer_compression(pulled.media_type));
  }
  return descriptor;
}

LayerBlob local_layer_blob(const BlobRow& row) {
  LayerBlob blob;
  blob.descriptor.media_type = oci::layer_media_type(row.compression);
  blob.descriptor.digest = row.digest;
  blob.descriptor.size = static_cast<std::int64_t>(row.size);
  blob.diff_id = row.diff_id;
  return blob;
}

bool is_intact(const DirectoryOpener& open, const oci::LayerEntry& entry, const std::stop_token& stop) {
  try {
    CheckedReader(open(entry), entry, stop).finish();
    return true;
  } catch (const util::Cancelled&) {
    throw;
  } catch (const util::Error&) {
    return false;
  }
}

}  // namespace

std::string pack_variant(const PackOptions& options) {
  return options.level ? std::to_string(*options.level) : std::string();
}

util::Sha256& CheckedReader::hash() {
  return hash_ ? *hash_ : hash_.emplace();
}

std::size_t CheckedReader::read(std::span<std::byte> buffer) {
  if (stop_.stop_requested()) throw util::Cancelled();
  std::size_t count = from_->read(buffer);
  util::Bytes data(buffer.data(), count);
  if (archive_ != nullptr) {
    archive_->share(hash(), data);
  } else if (!vouched_ && !left_) {
    hash().update(data);
  }
  size_ += count;
  if (copy_to_ >= 0 && count > 0) {
    util::with_context(fmt::format("write `/{}` of a layer", entry_.path), [&] { util::write_all(copy_to_, data); });
  }
  return count;
}

util::Digest CheckedReader::finish() {
  thread_local const util::Buffer buffer(kBufferSize);
  while (read(buffer) != 0) {
  }
  if (archive_ != nullptr) archive_->settle();
  return finish(vouched_ ? entry_.content : hash().finish());
}

void CheckedReader::close() {
  if (auto* learning = dynamic_cast<LearningReader*>(from_.get())) {
    learning->close();
  } else {
    from_.reset();
  }
}

util::Digest CheckedReader::finish(const util::Digest& digest) {
  if (size_ != entry_.size) {
    throw util::Error(fmt::format("read `/{}`: it has {} bytes instead of {}", entry_.path, size_, entry_.size),
                      "the file changed while the build read it");
  }
  if (vouched_) return entry_.content;
  if (entry_.content && entry_.content != digest) {
    throw util::Error(fmt::format("read `/{}`: its content is not what it was before", entry_.path),
                      "the file changed while the build read it");
  }
  if (auto* learning = dynamic_cast<LearningReader*>(from_.get())) learning->learn(digest);
  return digest;
}

BlobPacker::BlobPacker(ContentStore& content, const PackOptions& options, BlobMirror* mirror)
    : options_(options),
      mirror_(mirror),
      blob_(content.create()),
      compressor_(util::make_compressor(options.compression, options.level, to_)),
      tar_hash_(*compressor_) {}

BlobRow BlobPacker::commit(const LayerId& id) {
  static util::Counter& packed = util::counter("layers.packed");
  static util::Counter& compressed = util::counter("bytes.compressed");
  tar_hash_.finish();
  BlobRow row;
  row.layer = id;
  row.compression = options_.compression;
  row.variant = pack_variant(options_);
  row.diff_id = tar_hash_.digest();
  BlobInfo info = blob_.commit();
  if (mirror_ != nullptr) mirror_->complete(info);
  row.digest = info.digest;
  row.size = info.size;
  packed.add();
  compressed.add(static_cast<std::int64_t>(tar_hash_.count()));
  return row;
}

DirectoryOpener::DirectoryOpener(const std::filesystem::path& directory)
    : root_(std::make_shared<util::Fd>(util::open_file(directory, O_RDONLY | O_DIRECTORY))) {}

std::unique_ptr<util::Reader> DirectoryOpener::operator()(const oci::LayerEntry& entry) const {
  return std::make_unique<util::FdReader>(util::open_at(root_->get(), entry.path, O_RDONLY | O_NOFOLLOW));
}

BlobRow LayerStore::State::recompress(const LayerRow& row, const util::Digest& blob, const PackOptions& options,
                                      util::ProgressTask*, std::stop_token stop) {
  std::unique_ptr<util::Reader> raw = content.open(blob);
  std::unique_ptr<util::Reader> plain = util::make_decompressor(*raw);
  BlobPacker packer(content, options);
  const util::Buffer buffer(kBufferSize);
  while (std::size_t count = plain->read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    packer.tar().write(util::Bytes(buffer.data(), count));
  }
  // The digest of the source is checked at its very end.
  while (raw->read(buffer) != 0) {
  }
  return packer.commit(row.id);
}

BlobRow LayerStore::State::pack_directory(const LayerRow& row, const std::filesystem::path& directory,
                                          const PackOptions& options, util::ProgressTask*, std::stop_token stop) {
  NextEntry next = find_entries(row);
  if (!next) {
    Listing rebuilt = rebuild_listing(row, directory, stop);
    if (!rebuilt) throw_lost(row);
    next = entries_of(std::move(rebuilt));
  }
  DirectoryOpener open(directory);
  BlobPacker packer(content, options);
  oci::LayerWriter tar(packer.tar());
  for (oci::LayerEntry entry; next(entry);) {
    if (stop.stop_requested()) throw util::Cancelled();
    if (!is_content(entry)) {
      tar.add(entry, nullptr);
      continue;
    }
    try {
      CheckedReader reader(open(entry), entry, stop);
      reader.share_with(packer.tar());
      tar.add(entry, &reader);
      reader.finish();
    } catch (const util::Cancelled&) {
      throw;
    } catch (const util::Error& error) {
      // It may also be the writing that failed.
      if (is_intact(open, entry, stop)) throw;
      util::log_warning(fmt::format("the unpacked layer in `{}` is damaged: {}", directory.native(), error.what()));
      throw_lost(row);
    }
  }
  tar.finish();
  return packer.commit(row.id);
}

BlobRow LayerStore::State::pack(const LayerRow& row, const PackOptions& options, util::ProgressTask* task,
                                std::stop_token stop) {
  util::ScopedTimer timer("pack");
  while (true) {
    std::optional<util::Digest> blob = local_blob(row);
    std::optional<std::filesystem::path> directory = find_directory(row);
    // Another tar of a pulled layer would be another layer, so it is always made from the pulled one.
    if (!blob && (row.remote || !directory)) {
      fetch(row, task, stop);
      blob = local_blob(row);
      if (!blob) throw_lost(row);
    }
    if (!blob) return pack_directory(row, *directory, options, task, stop);
    try {
      return recompress(row, *blob, options, task, stop);
    } catch (const util::Cancelled&) {
      throw;
    } catch (const util::Error&) {
      if (!was_damaged(*blob, stop)) throw;
    }
  }
}

std::optional<LayerBlob> LayerStore::State::find_blob(const LayerRow& row, const PackOptions& options) {
  if (row.remote) {
    const bool as_pulled = !options.force || oci::layer_compression(row.remote->media_type) == options.compression;
    if (as_pulled) return LayerBlob{oci_descriptor(*row.remote), row.id, !content.contains(row.remote->digest), row.remote_origin};
  }
  if (const std::optional<BlobRow> known = find_blob_row(row.id, options)) return local_layer_blob(*known);
  return std::nullopt;
}

std::optional<LayerBlob> LayerStore::packed(const LayerId& id, const PackOptions& options) {
  const std::optional<LayerRow> row = state_->records.find_layer(id);
  std::optional<LayerBlob> blob = row ? state_->find_blob(*row, options) : std::nullopt;
  return blob && !blob->remote ? blob : std::nullopt;
}

LayerBlob LayerStore::blob(const LayerId& id, const PackOptions& options, bool fetch, util::ProgressTask* task,
                           std::stop_token stop) {
  const LayerRow row = state_->row(id);
  if (std::optional<LayerBlob> known = state_->find_blob(row, options)) {
    if (known->remote && fetch) {
      state_->fetch(row, task, stop);
      known->remote = false;
    }
    return *std::move(known);
  }
  auto held = state_->lock(id, stop);
  if (std::optional<BlobRow> known = state_->find_blob_row(id, options)) return local_layer_blob(*known);
  BlobRow made = state_->pack(state_->row(id), options, task, stop);
  state_->records.save_blob(made);
  return local_layer_blob(made);
}

}  // namespace cache
