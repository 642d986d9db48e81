#include "cache/archive_digest.h"

#include "util/scope_exit.h"

namespace cache {

void ArchiveDigest::settle() {
  hash_.update(held_);
  held_ = {};
}

std::size_t ArchiveDigest::read(std::span<std::byte> buffer) {
  settle();
  const std::size_t count = from_.read(buffer);
  held_ = buffer.first(count);
  if (!holding_) settle();
  return count;
}

std::size_t ArchiveDigest::Member::read(std::span<std::byte> buffer) {
  std::size_t count = 0;
  {
    const util::ScopeExit done([&] { archive_.holding_ = false; });
    archive_.holding_ = true;
    count = content_.read(buffer);
  }
  const std::span<const std::byte> data = buffer.first(count);
  if (archive_.held_.data() == data.data() && archive_.held_.size() == data.size()) {
    util::update_both(archive_.hash_, hash_, data);
    archive_.held_ = {};
  } else {
    // A hole of a sparse file, which is not in the archive.
    archive_.settle();
    hash_.update(data);
  }
  return count;
}

}  // namespace cache
