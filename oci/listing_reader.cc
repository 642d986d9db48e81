#include "oci/listing_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "util/digest.h"
#include "util/error.h"

namespace oci {
namespace {

constexpr std::size_t kAhead = std::size_t{64} << 10;

}  // namespace

ListingReader::ListingReader(const std::filesystem::path& file) : file_(util::open_file(file, O_RDONLY)) {
  struct stat status = {};
  if (::fstat(file_.get(), &status) != 0) util::throw_errno(fmt::format("read `{}`", file.native()));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < kListingMagic.size() + kListingChecksum) EntryDecoder::damaged();
  end_ = size - kListingChecksum;
  util::Sha256 hash;
  const util::Buffer piece(kAhead);
  for (std::uint64_t at = 0; at != end_;) {
    const std::size_t wanted = std::min<std::uint64_t>(piece.size(), end_ - at);
    if (util::read_at(file_.get(), at, std::span(piece).first(wanted)) != wanted) EntryDecoder::damaged();
    hash.update(std::span(piece).first(wanted));
    at += wanted;
  }
  std::array<unsigned char, kListingChecksum> checksum;
  util::read_at(file_.get(), end_, std::as_writable_bytes(std::span(checksum)));
  if (hash.finish() != util::Digest::sha256(checksum)) EntryDecoder::damaged();
  read_ahead(kAhead);
  if (!decoder_.rest().starts_with(kListingMagic)) EntryDecoder::damaged();
  decoder_.go_on_with(decoder_.rest().substr(kListingMagic.size()));
  left_ = decoder_.number();
}

bool ListingReader::next(LayerEntry& entry) {
  if (left_ == 0) {
    if (!decoder_.at_end() || position_ != end_) EntryDecoder::damaged();
    return false;
  }
  // An entry may be of any size.
  for (std::size_t ahead = kAhead;; ahead *= 2) {
    read_ahead(ahead);
    before_ = decoder_;
    try {
      entry = decoder_.entry();
      break;
    } catch (const util::Error&) {
      if (position_ == end_) throw;
      decoder_ = before_;
    }
  }
  --left_;
  return true;
}

/// So much stands in the window, or all that is left.
void ListingReader::read_ahead(std::size_t size) {
  if (position_ == end_ || decoder_.left() >= size) return;
  window_.erase(0, window_.size() - decoder_.left());
  const std::size_t kept = window_.size();
  const std::size_t more = std::min<std::uint64_t>(2 * size, end_ - position_);
  window_.resize(kept + more);
  const std::size_t count = util::read_at(file_.get(), position_, std::as_writable_bytes(std::span(window_).subspan(kept)));
  if (count != more) EntryDecoder::damaged();
  position_ += more;
  decoder_.go_on_with(window_);
}

}  // namespace oci
