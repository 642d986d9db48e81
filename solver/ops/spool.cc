#include "solver/ops/spool.h"

#include <algorithm>

#include "util/error.h"
#include "util/stream.h"
#include "util/temp.h"

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
    const std::size_t got = util::with_context("read unpacked file", [&] { return util::read_at(file_->get(), offset_, buffer.first(wanted)); });
    if (got == 0) throw util::Error("read unpacked file: it was cut off");
    offset_ += got;
    left_ -= got;
    return got;
  }

 private:
  std::shared_ptr<util::Fd> file_;
  std::uint64_t offset_, left_;
};

}  // namespace

Spool::Item Spool::add(util::Reader& from) {
  if (file_ == nullptr) {
    const std::filesystem::path directory = directory_.empty() ? std::filesystem::temp_directory_path() : directory_;
    file_ = std::make_shared<util::Fd>(util::make_nameless_file(directory));
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
