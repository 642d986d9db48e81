#include "exporter/archive_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>

#include "cache/prune.h"
#include "util/check.h"
#include "util/error.h"
#include "util/log.h"
#include "util/parallel.h"

namespace exporter {
namespace {

constexpr std::size_t kBlock = 512;
/// Of layers that lie below one that is packed.
constexpr std::uint64_t kMostAppended = std::uint64_t{128} << 20;
/// What the disk has to have left for the steps of the build.
constexpr std::uint64_t kSpare = std::uint64_t{4} << 30;

bool has_space(const std::string& destination) {
  return cache::free_space_of(std::filesystem::absolute(destination).parent_path()) >= kSpare;
}

std::uint64_t total_size(std::span<const util::Digest> blobs, const cache::ContentStore& content) {
  std::uint64_t total = 0;
  for (const util::Digest& blob : blobs) {
    if (const std::optional<cache::BlobInfo> info = content.find(blob)) total += info->size;
  }
  return total;
}

bool contains(const std::vector<util::Digest>& digests, const util::Digest& digest) {
  return std::ranges::find(digests, digest) != digests.end();
}

bool starts_with(const std::vector<util::Digest>& all, const std::vector<util::Digest>& first) {
  return first.size() <= all.size() && std::equal(first.begin(), first.end(), all.begin());
}

}  // namespace

/// A blob behind the layers that are written, its header left open. A failure is not the step's.
class ArchiveDraft::Mirror final : public cache::BlobMirror {
 public:
  Mirror(ArchiveDraft& draft, std::uint64_t start) : draft_(draft), start_(start) {}
  ~Mirror() override {
    if (!done_) draft_.take_back(start_);
  }
  void write(util::Bytes data) override {
    if (done_) return;
    try {
      // What the steps need goes first.
      if (!has_space(draft_.destination_)) throw util::Error("the disk is nearly full");
      draft_.file_->write(data);
      size_ += data.size();
    } catch (const std::exception& error) {
      done_ = true;
      draft_.give_up(error);
    }
  }
  void complete(const cache::BlobInfo& blob) override {
    if (done_ || blob.size != size_) return;
    done_ = true;
    draft_.adopt(start_, blob);
  }

 private:
  ArchiveDraft& draft_;
  std::uint64_t start_;
  std::uint64_t size_ = 0;
  bool done_ = false;  ///< the file has nothing that would have to be taken back
};

ArchiveDraft::ArchiveDraft(std::string destination, cache::CacheDir& cache, cache::PackOptions pack)
    : destination_(std::move(destination)), cache_(cache), pack_(std::move(pack)) {}

ArchiveDraft::~ArchiveDraft() = default;

void ArchiveDraft::open() {
  if (file_) return;
  file_.emplace(destination_);
  begin_layout_archive(archive_.emplace(*file_));
}

void ArchiveDraft::drop() {
  written_.clear();
  archive_.reset();
  file_.reset();
  broken_ = false;
}

std::optional<std::vector<util::Digest>> ArchiveDraft::packed(std::span<const cache::LayerId> layers) {
  std::vector<util::Digest> blobs;
  for (const cache::LayerId& id : layers) {
    const std::optional<cache::LayerBlob> blob = cache_.layers().packed(id, pack_);
    if (!blob) return std::nullopt;
    if (!contains(blobs, blob->descriptor.digest)) blobs.push_back(blob->descriptor.digest);
  }
  return blobs;
}

void ArchiveDraft::append(const util::Digest& blob, const std::stop_token& stop) {
  add_blob(*archive_, blob, cache_.content(), stop);
  written_.push_back(blob);
}

std::unique_ptr<cache::BlobMirror> ArchiveDraft::follow(std::span<const cache::LayerId> below, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (mirrored_ || given_up_ || !OutputFile::is_hidden(destination_)) return nullptr;
  try {
    if (!has_space(destination_)) return nullptr;
    const std::optional<std::vector<util::Digest>> blobs = packed(below);
    if (!blobs) return nullptr;
    if (broken_ || !starts_with(*blobs, written_)) drop();
    const std::span<const util::Digest> missing = std::span(*blobs).subspan(written_.size());
    // The step waits for them.
    if (total_size(missing, cache_.content()) > kMostAppended) return nullptr;
    const auto verify = [&](std::size_t i, const std::stop_token& own_stop) { cache_.content().verify(missing[i], own_stop); };
    util::for_each_parallel(missing.size(), 0, verify, stop);
    open();
    broken_ = true;  // unless it comes to the end
    for (const util::Digest& blob : missing) append(blob, stop);
    const std::uint64_t start = file_->size();
    const std::vector<std::byte> header(kBlock);
    file_->write(header);
    broken_ = false;
    mirrored_ = true;
    return std::make_unique<Mirror>(*this, start);
  } catch (const util::Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    refuse(error);
    return nullptr;
  }
}

/// What it is will be said at the end, if it is still so.
void ArchiveDraft::refuse(const std::exception& error) {
  util::log_debug(fmt::format("write an archive while the build runs: {}", error.what()));
  drop();
  given_up_ = true;
}

void ArchiveDraft::give_up(const std::exception& error) {
  const std::lock_guard lock(mutex_);
  mirrored_ = false;
  refuse(error);
}

void ArchiveDraft::adopt(std::uint64_t start, const cache::BlobInfo& blob) {
  const std::string header = ArchiveWriter::header(blob_path(blob.digest), blob.size);
  {
    const std::lock_guard lock(mutex_);
    if (header.size() == kBlock && !contains(written_, blob.digest)) {
      mirrored_ = false;
      try {
        const std::vector<std::byte> padding((kBlock - blob.size % kBlock) % kBlock);
        file_->write(padding);
        file_->write_at(start, util::as_bytes(header));
        written_.push_back(blob.digest);
      } catch (const std::exception& error) {
        refuse(error);
      }
      return;
    }
  }
  take_back(start);
}

void ArchiveDraft::take_back(std::uint64_t start) noexcept {
  const std::lock_guard lock(mutex_);
  mirrored_ = false;
  try {
    file_->cut(start);
  } catch (const util::Error&) {
    broken_ = true;
  }
}

void ArchiveDraft::finish(const Layout& layout, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  CHECK(!mirrored_);
  verify_blobs(layout, cache_.content(), stop);
  if (broken_ || !starts_with(layout.layers, written_)) drop();
  open();
  broken_ = true;  // unless it comes to the end
  for (std::size_t i = written_.size(); i != layout.layers.size(); ++i) append(layout.layers[i], stop);
  end_layout_archive(*archive_, layout, cache_.content(), stop);
  file_->finish();
  drop();
}

}  // namespace exporter
