#include "util/spill_file.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "util/error.h"
#include "util/log.h"
#include "util/temp.h"

namespace util {
namespace {

/// What is out of memory must not take the room of what is to be stored.
constexpr std::uint64_t kLeaveFree = std::uint64_t{1} << 30;

/// Bytes that were put until that is looked at again.
constexpr std::uint64_t kLookAgain = std::uint64_t{32} << 20;

bool has_room(int file) {
  struct statvfs disk = {};
  return ::fstatvfs(file, &disk) != 0 || std::uint64_t{disk.f_bavail} * disk.f_frsize >= kLeaveFree;
}

}  // namespace

int SpillFile::file() {
  if (const int ready = fd_.load(std::memory_order_acquire); ready >= 0) return ready;
  auto file = file_.lock();
  if (!*file) {
    *file = make_nameless_file(directory_);
    if (!has_room(file->get())) throw Error(fmt::format("`{}` has not much room left", directory_.native()));
  }
  fd_.store(file->get(), std::memory_order_release);
  return file->get();
}

std::optional<std::uint64_t> SpillFile::put(Bytes data) noexcept {
  if (directory_.empty() || full_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::uint64_t position = end_.fetch_add(data.size());
  if (!put_again(position, data)) return std::nullopt;
  if (position / kLookAgain != end_ / kLookAgain && !has_room(fd_)) full_ = true;
  return position;
}

bool SpillFile::put_again(std::uint64_t position, Bytes data) noexcept {
  if (full_.load(std::memory_order_relaxed)) return false;
  try {
    write_at(file(), position, data);
    return true;
  } catch (const std::exception& error) {
    full_ = true;
    log_debug(fmt::format("what memory could do without stays in it: {}", error.what()));
    return false;
  }
}

void SpillFile::get(std::uint64_t position, std::span<std::byte> data) const {
  const std::size_t count =
      with_context("read back what was put out of memory", [&] { return read_at(fd_.load(std::memory_order_acquire), position, data); });
  if (count != data.size()) throw Error("read back what was put out of memory: it was cut off");
}

}  // namespace util
