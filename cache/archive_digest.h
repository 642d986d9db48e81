#pragma once

#include <cstddef>
#include <span>

#include "util/digest.h"
#include "util/stream.h"

namespace cache {

/// Passes on the bytes of an archive, taking their digest; where a file of the archive is read through `Member`, the
/// digest of its content is taken in the same pass (util::update_both).
class ArchiveDigest final : public util::DigestReader {
 public:
  explicit ArchiveDigest(util::Reader& from) : from_(from) {}
  std::size_t read(std::span<std::byte> buffer) override;
  util::Digest digest() override { return hash_.finish(); }

  /// The content of one file, as who reads the archive finds it.
  class Member final : public util::DigestReader {
   public:
    /// `content` reads from `archive`, straight into the buffer that it is given.
    Member(ArchiveDigest& archive, util::Reader& content) : archive_(archive), content_(content) {}
    std::size_t read(std::span<std::byte> buffer) override;
    util::Digest digest() override { return hash_.finish(); }

   private:
    ArchiveDigest& archive_;
    util::Reader& content_;
    util::Sha256 hash_;
  };

 private:
  void settle();

  util::Reader& from_;
  util::Sha256 hash_;
  bool holding_ = false;              ///< a member is being read
  std::span<const std::byte> held_;   ///< what passed meanwhile and is not hashed yet
};

}  // namespace cache
