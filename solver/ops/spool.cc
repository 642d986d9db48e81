#include "solver/ops/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "util/error.h"
#include "util/stream.h"

namespace ops {
namespace {

/// A part of the file; readers of several parts do not share a position.
class PartReader final : public util::Reader {
 public:
  PartReader(std::shared_ptr<util::Fd> file, std::uint64_t offset, std::uint64_t size)
      : file_(std::move(file)), offset_(offset), left_(size) {}

  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
    if (wanted == 0) return 0;
    ssize_t got;
    do {
      got = pread(file_->get(), buffer.data(), wanted, static_cast<off_t>(offset_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) util::throw_errno("read unpacked file");
    if (got == 0) throw util::Error("read unpacked file: it was cut off");
    offset_ += static_cast<std::uint64_t>(got);
    left_ -= static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

 private:
  std::shared_ptr<util::Fd> file_;
  std::uint64_t offset_, left_;
};

util::Fd make_nameless_file(const std::filesystem::path& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return util::Fd(fd);
  // Not every file system has O_TMPFILE.
  std::string path = (directory / "unpackXXXXXX").string();
  util::Fd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file) util::throw_errno("create temporary file in `" + directory.string() + "`");
  unlink(path.c_str());
  return file;
}

}  // namespace

Spool::Item Spool::add(util::Reader& from) {
  if (file_ == nullptr) {
    const std::filesystem::path directory = directory_.empty() ? std::filesystem::temp_directory_path() : directory_;
    file_ = std::make_shared<util::Fd>(make_nameless_file(directory));
  }
  util::FdWriter file(file_->get());
  util::HashingWriter hash(file);
  util::copy(from, hash);
  Item item;
  item.size = hash.count();
  item.digest = hash.digest();
  auto content = std::make_shared<FileContent>();
  content->open = [file = file_, offset = end_, size = item.size] {
    return std::make_unique<PartReader>(file, offset, size);
  };
  item.content = std::move(content);
  end_ += item.size;
  return item;
}

}  // namespace ops
