#include "exporter/archive_writer.h"

#include <vector>

#include "util/error.h"
#include "util/fd.h"

namespace exporter {
namespace {

util::TarEntry file_entry(const std::string& path, std::uint64_t size) {
  util::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = size;
  return entry;
}

}  // namespace

void copy_bytes(util::Reader& from, util::Writer& to, const std::stop_token& stop) {
  const util::Buffer buffer(std::size_t{1} << 20);
  while (std::size_t count = from.read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    to.write(util::Bytes(buffer).first(count));
  }
}

void ArchiveWriter::directory(const std::string& path) {
  util::TarEntry entry;
  entry.path = path;
  entry.type = util::FileType::directory;
  entry.mode = 0755;
  tar_.add(entry);
}

void ArchiveWriter::file(const std::string& path, std::uint64_t size, util::Reader& content, const std::stop_token& stop) {
  tar_.add(file_entry(path, size));
  copy_bytes(content, content_, stop);
}

void ArchiveWriter::blob(const std::string& path, const cache::BlobInfo& info, const cache::ContentStore& store,
                         const std::stop_token& stop) {
  const util::Fd known = file_ != nullptr ? store.open_known(info.digest) : util::Fd();
  if (!known) return file(path, info.size, *store.open(info.digest), stop);
  tar_.add(file_entry(path, info.size));
  file_->append(known.get(), info.size, stop);
  tar_.wrote(info.size);
}

std::string ArchiveWriter::header(const std::string& path, std::uint64_t size) {
  util::StringWriter text;
  util::TarWriter(text).add(file_entry(path, size));
  return text.take();
}

}  // namespace exporter
