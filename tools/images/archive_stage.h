#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/content_store.h"
#include "oci/descriptor.h"
#include "util/digest.h"
#include "util/stream.h"
#include "util/temp.h"

namespace builder {

/// The files of an image archive, or of a directory in place of one. An archive may come from a pipe with its table of
/// contents at the end, so it is read once and its files are set aside beside the store; they are deleted with this
/// object unless they were stored.
class ArchiveStage {
 public:
  /// Reads a tar archive, compressed or not, to its end. `temporary`: on the store's file system. Throws util::Error.
  ArchiveStage(util::Reader& archive, const std::filesystem::path& temporary, const std::stop_token& stop);
  explicit ArchiveStage(const std::filesystem::path& directory) : directory_(directory) {}

  /// Is there a regular file (or a link to one)?
  bool contains(const std::string& path) const;
  /// A document. Throws util::Error when it is missing or too large.
  std::string text(const std::string& path) const;
  std::unique_ptr<util::Reader> open(const std::string& path) const;
  util::Digest digest(const std::string& path) const;
  /// Puts a file into the store as the blob of that digest, unless it is there. Throws util::Error when it has another one.
  void store(const std::string& path, const util::Digest& digest, const cache::ContentStore& content) const;

 private:
  struct File {
    std::filesystem::path path;
    util::Digest digest;
  };
  void take(const std::string& path, util::Reader& content, const std::stop_token& stop);
  std::string resolve(const std::string& path) const;
  std::filesystem::path file(const std::string& path) const;

  std::optional<std::filesystem::path> directory_;
  std::optional<util::TempDir> temporary_;
  std::map<std::string, File> files_;
  std::map<std::string, std::string> links_;
};

}  // namespace builder
