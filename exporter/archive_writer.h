#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "cache/content_store.h"
#include "exporter/output_file.h"
#include "util/stream.h"
#include "util/tar.h"

namespace exporter {

/// Copies to the end. Throws util::Cancelled, and what either side throws.
void copy_bytes(util::Reader& from, util::Writer& to, const std::stop_token& stop);

/// Writes an image archive. Members carry no time: the same image is the same archive. Not thread-safe.
class ArchiveWriter {
 public:
  /// `to` is borrowed.
  explicit ArchiveWriter(util::Writer& to) : file_(dynamic_cast<OutputFile*>(&to)), tar_(to), content_(tar_) {}

  void directory(const std::string& path);
  void file(const std::string& path, std::uint64_t size, util::Reader& content, const std::stop_token& stop);
  /// A blob of the store, within the kernel where that is possible.
  void blob(const std::string& path, const cache::BlobInfo& info, const cache::ContentStore& store, const std::stop_token& stop);
  /// The end of the archive; does not finish what it goes to.
  void finish() { tar_.finish(); }

  /// What stands in front of the content of a file: one block, but for very large ones.
  static std::string header(const std::string& path, std::uint64_t size);

 private:
  class Content final : public util::Writer {
   public:
    explicit Content(util::TarWriter& tar) : tar_(tar) {}
    void write(util::Bytes data) override { tar_.write(data); }

   private:
    util::TarWriter& tar_;
  };

  OutputFile* file_;  ///< null when the archive goes somewhere else
  util::TarWriter tar_;
  Content content_;
};

}  // namespace exporter
