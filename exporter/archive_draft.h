#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/layer_store.h"
#include "exporter/archive_writer.h"
#include "exporter/layout_writer.h"
#include "exporter/output_file.h"

namespace exporter {

/// An image archive of which the first layers are written while the build still runs: as they are packed, and those that lie
/// below them when one is, if they are not large and the disk has room for the steps, too. Only what the image turns out to
/// have is kept: the archive is the same as one that is written at the end. Nothing is to be seen of it before `finish`: where that cannot be, it is not written before. Thread-safe.
class ArchiveDraft final : public cache::LayerFollower {
 public:
  /// `pack`: the form in which the image is going to have its layers. Nothing is made yet.
  ArchiveDraft(std::string destination, cache::CacheDir& cache, cache::PackOptions pack);
  ~ArchiveDraft() override;

  std::unique_ptr<cache::BlobMirror> follow(std::span<const cache::LayerId> below, const std::stop_token& stop) override;
  /// Completes the archive; it can be tried again. Throws as `write_layout_archive` does.
  void finish(const Layout& layout, const std::stop_token& stop);

 private:
  class Mirror;

  /// Digests of the packed forms, each once; nullopt when one is not here.
  std::optional<std::vector<util::Digest>> packed(std::span<const cache::LayerId> layers);
  void open();
  /// Nothing is in it any more.
  void drop();
  void append(const util::Digest& blob, const std::stop_token& stop);
  /// A mirror's end: its blob became part of the archive, or nothing did.
  void adopt(std::uint64_t start, const cache::BlobInfo& blob);
  void take_back(std::uint64_t start) noexcept;
  /// Gives the space back, and writes nothing more before `finish`. `refuse`: the lock is held.
  void give_up(const std::exception& error);
  void refuse(const std::exception& error);

  std::string destination_;
  cache::CacheDir& cache_;
  cache::PackOptions pack_;
  std::mutex mutex_;  // of all that follows; while there is a mirror the file is the mirror's
  std::optional<OutputFile> file_;
  std::optional<ArchiveWriter> archive_;
  std::vector<util::Digest> written_;  ///< layers that are in it, from the bottom, each once
  bool mirrored_ = false;
  bool broken_ = false;    ///< what is in the file is of no use
  bool given_up_ = false;  ///< it failed once: not before the end any more
};

}  // namespace exporter
