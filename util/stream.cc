#include "util/stream.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace util {
namespace {
constexpr std::size_t kCopyBuffer = 128 * 1024;
constexpr int kLookAtStop = 100;  // milliseconds
}  // namespace

void FdReader::wait_until_readable() const {
  for (;;) {
    if (stop_.stop_requested()) throw Cancelled();
    pollfd input = {fd_, POLLIN, 0};
    if (::poll(&input, 1, kLookAtStop) != 0) return;
  }
}

std::size_t FdReader::read(std::span<std::byte> buffer) {
  while (true) {
    if (stop_.stop_possible()) wait_until_readable();
    ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    const bool again = errno == EINTR || (errno == EAGAIN && stop_.stop_possible());
    if (!again) throw_errno("read");
  }
}

std::size_t StringReader::read(std::span<std::byte> buffer) {
  std::size_t n = std::min(buffer.size(), text_.size() - position_);
  if (n > 0) std::memcpy(buffer.data(), text_.data() + position_, n);
  position_ += n;
  return n;
}

void FdWriter::write(Bytes data) {
  write_all(fd_, data);
}

void StringWriter::write(Bytes data) {
  text_.append(reinterpret_cast<const char*>(data.data()), data.size());
}

void HashingWriter::write(Bytes data) {
  next_.write(data);
  if (part_ != nullptr && shared_.data() == data.data() && shared_.size() == data.size()) {
    update_both(hash_, *part_, data);
    part_ = nullptr;
  } else {
    settle();
    hash_.update(data);
  }
  count_ += data.size();
}

void HashingWriter::share(Sha256& part, Bytes data) {
  settle();
  part_ = &part;
  shared_ = data;
}

void HashingWriter::settle() {
  if (part_ != nullptr) std::exchange(part_, nullptr)->update(shared_);
}

std::size_t read_full(Reader& from, std::span<std::byte> buffer) {
  std::size_t length = 0;
  while (length < buffer.size()) {
    const std::size_t n = from.read(buffer.subspan(length));
    if (n == 0) break;
    length += n;
  }
  return length;
}

std::uint64_t copy(Reader& from, Writer& to) {
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kCopyBuffer);
  std::uint64_t total = 0;
  while (std::size_t n = from.read({buffer.get(), kCopyBuffer})) {
    to.write({buffer.get(), n});
    total += n;
  }
  return total;
}

std::string read_all(Reader& from, std::size_t limit) {
  std::string text;
  std::size_t length = 0;
  while (true) {
    if (length == text.size()) text.resize(std::max<std::size_t>(4096, text.size() * 2));
    std::size_t n = from.read(std::as_writable_bytes(std::span(text.data() + length, text.size() - length)));
    if (n == 0) break;
    length += n;
    if (length > limit) throw Error(fmt::format("read: longer than {} bytes", limit));
  }
  text.resize(length);
  return text;
}

}  // namespace util
