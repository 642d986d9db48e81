#include "tools/images/archive_stage.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "util/compression.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/tar.h"

namespace builder {
namespace {

constexpr std::size_t kMaxDocument = std::size_t{32} << 20;
constexpr std::size_t kMaxFiles = 100'000;
constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr int kMaxLinks = 8;

/// A link's target as a path in the archive.
std::string target_of(const std::string& link, const std::string& target) {
  if (target.starts_with('/')) return util::clean_relative(target);
  return util::clean_relative((std::filesystem::path(link).parent_path() / target).string());
}

}  // namespace

ArchiveStage::ArchiveStage(util::Reader& archive, const std::filesystem::path& temporary, const std::stop_token& stop)
    : temporary_(util::TempDir(temporary, "load-")) {
  const std::unique_ptr<util::Reader> plain = util::make_decompressor(archive);
  util::TarReader tar(*plain);
  while (const std::optional<util::TarEntry> entry = tar.next()) {
    if (stop.stop_requested()) throw util::Cancelled();
    const std::string path = util::clean_relative(entry->path);
    if (entry->hard_link) {
      links_[path] = util::clean_relative(entry->link_target);
    } else if (entry->type == util::FileType::symlink) {
      links_[path] = target_of(path, entry->link_target);
    } else if (entry->type == util::FileType::regular) {
      take(path, tar.content(), stop);
    }
  }
  // What follows the archive may still be compressed data, whose check sum counts.
  std::vector<std::byte> buffer(kBuffer);
  while (plain->read(buffer) != 0) {
    if (stop.stop_requested()) throw util::Cancelled();
  }
}

void ArchiveStage::take(const std::string& path, util::Reader& content, const std::stop_token& stop) {
  if (files_.size() == kMaxFiles) throw util::Error(fmt::format("the archive has more than {} files", kMaxFiles));
  File file{temporary_->path() / std::to_string(files_.size()), {}};
  const util::Fd fd = util::open_file(file.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::vector<std::byte> buffer(kBuffer);
  util::Sha256 hash;
  while (const std::size_t count = content.read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    util::write_all(fd.get(), util::Bytes(buffer).first(count));
    hash.update(util::Bytes(buffer).first(count));
  }
  file.digest = hash.finish();
  files_.insert_or_assign(path, std::move(file));
}

std::string ArchiveStage::resolve(const std::string& path) const {
  std::string found = util::clean_relative(path);
  for (int i = 0; i < kMaxLinks; ++i) {
    const auto link = links_.find(found);
    if (link == links_.end() || files_.contains(found)) break;
    found = link->second;
  }
  return found;
}

std::filesystem::path ArchiveStage::file(const std::string& path) const {
  if (directory_) return *directory_ / util::clean_relative(path);
  const auto found = files_.find(resolve(path));
  if (found == files_.end()) throw util::Error(fmt::format("`{}` is missing", path), "the archive is damaged, or was cut");
  return found->second.path;
}

bool ArchiveStage::contains(const std::string& path) const {
  if (!directory_) return files_.contains(resolve(path));
  const auto found = util::find_stat_at(AT_FDCWD, file(path));
  return found && found->type == util::FileType::regular;
}

std::string ArchiveStage::text(const std::string& path) const { return util::read_file(file(path), kMaxDocument); }

std::unique_ptr<util::Reader> ArchiveStage::open(const std::string& path) const {
  return std::make_unique<util::FdReader>(util::open_file(file(path), O_RDONLY));
}

util::Digest ArchiveStage::digest(const std::string& path) const {
  if (!directory_) {
    (void)file(path);
    return files_.at(resolve(path)).digest;
  }
  const std::unique_ptr<util::Reader> reader = open(path);
  std::vector<std::byte> buffer(kBuffer);
  util::Sha256 hash;
  while (const std::size_t count = reader->read(buffer)) hash.update(util::Bytes(buffer).first(count));
  return hash.finish();
}

void ArchiveStage::store(const std::string& path, const util::Digest& digest, const cache::ContentStore& content) const {
  if (content.contains(digest)) return;
  if (directory_) {
    cache::BlobWriter blob = content.create(digest);
    util::copy(*open(path), blob);
    blob.commit();
    return;
  }
  const util::Digest actual = this->digest(path);
  if (actual != digest) throw util::Error(fmt::format("`{}` is damaged: its digest is `{}`", path, actual.to_string()));
  content.adopt(file(path), digest);
}

}  // namespace builder
