#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "util/stream.h"

namespace util {
struct IsalLibrary;
}

/// What the decompressors share; private to util/compression_*.cc.
namespace util::compression {

/// The source with its first bytes, which were read to detect the encoding, put back in front.
class Input {
 public:
  explicit Input(Reader& from) : from_(from), buffer_(kBuffer) {}

  /// Reads until `count` bytes are there or the source ends, and shows what is there.
  Bytes peek(std::size_t count) {
    if (buffer_.size() - begin_ < count) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, available());
      end_ -= std::exchange(begin_, 0);
    }
    while (available() < count && !ended_) fill();
    return rest();
  }
  /// At least one unread byte, or nothing at the end.
  Bytes next() {
    if (available() == 0 && !ended_) {
      begin_ = end_ = 0;
      fill();
    }
    return rest();
  }
  void consume(std::size_t count) { begin_ += count; }
  std::size_t read(std::span<std::byte> to) {
    // Large reads of unchanged bytes need no second buffer.
    if (available() == 0) return ended_ ? 0 : from_.read(to);
    std::size_t count = std::min(to.size(), available());
    std::memcpy(to.data(), buffer_.data() + begin_, count);
    consume(count);
    return count;
  }

 private:
  static constexpr std::size_t kBuffer = std::size_t{256} << 10;

  std::size_t available() const { return end_ - begin_; }
  Bytes rest() const { return Bytes(buffer_).subspan(begin_, available()); }
  void fill() {
    std::size_t count = from_.read(std::span(buffer_).subspan(end_));
    if (count == 0) ended_ = true;
    end_ += count;
  }

  Reader& from_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
};

/// Throws Error "decompress ENCODING data: CAUSE".
[[noreturn]] void fail(std::string_view encoding, std::string_view cause);

/// Reads members one after the other to the end; zero bytes may follow. By zlib when `isal` is null.
std::unique_ptr<Reader> make_gzip_reader(std::unique_ptr<Input> input, const IsalLibrary* isal);
/// Both read several streams one after the other to the end, as bzip2 -d and xz -d do. Other data behind a stream is an
/// error.
std::unique_ptr<Reader> make_bzip2_reader(std::unique_ptr<Input> input);
std::unique_ptr<Reader> make_xz_reader(std::unique_ptr<Input> input);

}  // namespace util::compression
