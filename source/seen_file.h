#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "cache/vouching_reader.h"
#include "util/digest.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/stream.h"
#include "util/time.h"

namespace source {

/// Whether both are the same file with the same content, as far as a look at it tells.
inline bool same_file(const util::FileStat& a, const util::FileStat& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime;
}

/// A file as it was when it was looked at: its bytes up to that size. Whether it still is that file is asked at the end.
/// Not thread-safe.
class SeenFile {
 public:
  SeenFile(util::Fd fd, std::string path, const util::FileStat& stat)
      : fd_(std::move(fd)), reader_(fd_.get()), path_(std::move(path)), stat_(stat) {}
  std::size_t read(std::span<std::byte> buffer) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), stat_.size - done_);
    const std::size_t count = wanted == 0 ? 0 : reader_.read(buffer.first(wanted));
    done_ += count;
    return count;
  }
  bool unchanged() const { return same_file(util::stat_at(fd_.get(), ""), stat_); }
  /// Nothing can be read any more. Returns whether it was unchanged to the end.
  bool close() {
    const bool same = unchanged();
    fd_.reset();
    return same;
  }
  const std::string& path() const { return path_; }
  const util::FileStat& stat() const { return stat_; }
  util::Nanoseconds opened() const { return opened_; }

 private:
  util::Fd fd_;
  util::FdReader reader_;
  std::string path_;
  util::FileStat stat_;
  util::Nanoseconds opened_ = util::now_nanoseconds();
  std::uint64_t done_ = 0;
};

/// A file whose digest is known, as long as it stays what it is.
class UnchangedReader final : public cache::VouchingReader {
 public:
  UnchangedReader(SeenFile file, util::Digest digest) : file_(std::move(file)), digest_(std::move(digest)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t count = file_.read(buffer);
    if (count == 0 && !buffer.empty() && !file_.unchanged()) {
      throw util::Error(fmt::format("read `/{}`: its content is not what it was before", file_.path()),
                        "the file changed while the build read it");
    }
    return count;
  }
  const util::Digest& vouched() const override { return digest_; }

 private:
  SeenFile file_;
  util::Digest digest_;
};

}  // namespace source
