#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "oci/entry_codec.h"
#include "oci/layer.h"
#include "util/check.h"
#include "util/error.h"

// A listing is: magic, number of entries, entries, SHA-256 of all that. Numbers are LEB128 (signed ones zigzag),
// strings and digests are preceded by their length. An entry is:
//
//   head            kind (bits 0-1), file type (bits 2-4), has a hard link (bit 5), has extended attributes (bit 6)
//   shared, suffix  path: so many bytes of the path before, then these
//   -- a whiteout ends here
//   hard link       if it has one; in the identity form the entry ends here: the rest belongs to the first name
//   mode uid gid    numbers
//   mtime           nanoseconds, signed; not in the identity form
//   size content    regular files; an empty digest is length 0, a sha256 is its 32 bytes, any other its text
//   target          symbolic links
//   major minor     devices
//   count (name value)...   extended attributes
//
// The identity form is what the layer id is made of; "layer/1" stands in front of it instead of the magic, and no
// checksum follows.

namespace oci {
namespace {

constexpr std::string_view kRecipe = "layer/1\n";
constexpr std::size_t kPiece = std::size_t{1} << 16;

constexpr unsigned kHasLink = 1U << 5;
constexpr unsigned kHasXattrs = 1U << 6;

std::string_view raw_bytes(const util::Digest& sha256) {
  return {reinterpret_cast<const char*>(sha256.bytes().data()), sha256.bytes().size()};
}

}  // namespace

void EntryEncoder::path(const std::string& value) {
  auto same = std::mismatch(last_path_.begin(), last_path_.end(), value.begin(), value.end());
  auto shared = static_cast<std::size_t>(same.second - value.begin());
  number(shared);
  text(std::string_view(value).substr(shared));
  last_path_ = value;
}

void EntryEncoder::digest(const util::Digest& value) {
  if (value.empty()) return number(0);
  if (value.algorithm() != "sha256") return text(value.to_string());
  text(raw_bytes(value));
}

void EntryEncoder::entry(const LayerEntry& entry) {
  bool whiteout = entry.kind == LayerEntry::Kind::whiteout;
  // A whiteout is nothing but its path, whatever the other fields say.
  unsigned head = static_cast<unsigned>(entry.kind);
  if (!whiteout) {
    head |= static_cast<unsigned>(entry.type) << 2;
    if (!entry.hard_link.empty()) head |= kHasLink;
    if (!entry.xattrs.empty()) head |= kHasXattrs;
  }
  if (form_ == Form::identity && (head & kHasLink) != 0) head &= ~kHasXattrs;
  number(head);
  path(entry.path);
  if (whiteout) return;
  if (!entry.hard_link.empty()) {
    text(*entry.hard_link);
    if (form_ == Form::identity) return;
  }
  number(entry.mode);
  number(entry.uid);
  number(entry.gid);
  if (form_ == Form::listing) {
    auto bits = static_cast<std::uint64_t>(entry.mtime);
    number(bits << 1 ^ (entry.mtime < 0 ? ~std::uint64_t{0} : 0));
  }
  if (entry.type == util::FileType::regular) {
    number(entry.size);
    digest(entry.content);
  } else if (entry.type == util::FileType::symlink) {
    text(*entry.link_target);
  } else if (entry.type == util::FileType::char_device || entry.type == util::FileType::block_device) {
    number(entry.device_major);
    number(entry.device_minor);
  }
  if (!entry.xattrs.empty()) {
    number(entry.xattrs->size());
    for (const auto& [name, value] : entry.xattrs) {
      text(name);
      text(value);
    }
  }
}

void EntryDecoder::damaged() {
  throw util::Error("read the listing of a layer: the data is damaged");
}

std::uint32_t EntryDecoder::small_number() {
  std::uint64_t value = number();
  if (value > std::numeric_limits<std::uint32_t>::max()) damaged();
  return static_cast<std::uint32_t>(value);
}

std::string EntryDecoder::path() {
  std::uint64_t shared = number();
  if (shared > last_path_.size()) damaged();
  last_path_.resize(shared);
  last_path_.append(text());
  if (last_path_.empty()) damaged();
  return last_path_;
}

util::Digest EntryDecoder::digest() {
  std::string_view value = text();
  if (value.empty()) return {};
  if (std::array<unsigned char, 32> bytes; value.size() == bytes.size()) {
    std::ranges::copy(value, bytes.begin());
    return util::Digest::sha256(bytes);
  }
  const std::optional<util::Digest> digest = util::Digest::find(value);
  if (!digest) damaged();
  return *digest;
}

LayerEntry EntryDecoder::entry() {
  std::uint64_t head = number();
  std::uint64_t kind = head & 3, type = head >> 2 & 7;
  if (head >> 7 != 0 || kind > 2 || type > static_cast<unsigned>(util::FileType::socket)) damaged();
  LayerEntry entry;
  entry.kind = static_cast<LayerEntry::Kind>(kind);
  entry.type = static_cast<util::FileType>(type);
  entry.path = path();
  if (entry.kind == LayerEntry::Kind::whiteout) return entry;
  if ((head & kHasLink) != 0) {
    entry.hard_link = std::string(text());
    if (entry.hard_link.empty()) damaged();
  }
  entry.mode = small_number();
  entry.uid = small_number();
  entry.gid = small_number();
  std::uint64_t time = number();
  entry.mtime = static_cast<std::int64_t>(time >> 1 ^ (~(time & 1) + 1));
  if (entry.type == util::FileType::regular) {
    entry.size = number();
    entry.content = digest();
  } else if (entry.type == util::FileType::symlink) {
    entry.link_target = std::string(text());
  } else if (entry.type == util::FileType::char_device || entry.type == util::FileType::block_device) {
    entry.device_major = small_number();
    entry.device_minor = small_number();
  }
  if ((head & kHasXattrs) != 0) {
    for (std::uint64_t count = number(); count > 0; --count) {
      std::string name(text());
      entry.xattrs.edit()[std::move(name)] = text();
    }
  }
  return entry;
}

CanonicalDigest::CanonicalDigest() : encoder_(std::make_unique<EntryEncoder>(EntryEncoder::Form::identity, kRecipe)) {}

CanonicalDigest::~CanonicalDigest() = default;

void CanonicalDigest::add(const LayerEntry& entry) {
  const bool needs_content = entry.is_file() && entry.hard_link.empty();
  CHECK(!needs_content || !entry.content.empty());
  encoder_->entry(entry);
  if (encoder_->out().size() < kPiece) return;
  hash_.update(encoder_->out());
  encoder_->out().clear();
}

util::Digest CanonicalDigest::finish() {
  hash_.update(encoder_->out());
  return hash_.finish();
}

util::Digest canonical_digest(std::span<const LayerEntry> entries) {
  CanonicalDigest digest;
  for (const LayerEntry& entry : entries) digest.add(entry);
  return digest.finish();
}

ListingWriter::ListingWriter(util::Writer& to, std::size_t count)
    : to_(to), left_(count), encoder_(std::make_unique<EntryEncoder>(EntryEncoder::Form::listing, kListingMagic)) {
  encoder_->number(count);
}

ListingWriter::~ListingWriter() = default;

void ListingWriter::add(const LayerEntry& entry) {
  CHECK(left_ > 0);
  --left_;
  encoder_->entry(entry);
  if (encoder_->out().size() >= kPiece) flush();
}

void ListingWriter::finish() {
  CHECK(left_ == 0);
  flush();
  to_.write(util::as_bytes(raw_bytes(hash_.finish())));
}

void ListingWriter::flush() {
  hash_.update(encoder_->out());
  to_.write(util::as_bytes(encoder_->out()));
  encoder_->out().clear();
}

void encode_listing(std::span<const LayerEntry> entries, util::Writer& to) {
  ListingWriter listing(to, entries.size());
  for (const LayerEntry& entry : entries) listing.add(entry);
  listing.finish();
}

std::vector<LayerEntry> decode_listing(std::string_view data) {
  if (data.size() < kListingMagic.size() + kListingChecksum || !data.starts_with(kListingMagic)) EntryDecoder::damaged();
  std::string_view body = data.substr(0, data.size() - kListingChecksum);
  if (raw_bytes(util::sha256_of(body)) != data.substr(body.size())) EntryDecoder::damaged();
  EntryDecoder decoder(body.substr(kListingMagic.size()));
  std::uint64_t count = decoder.number();
  // An entry takes three bytes at least: what claims more must not make us reserve memory.
  if (count > decoder.left() / 3) EntryDecoder::damaged();
  std::vector<LayerEntry> entries;
  entries.reserve(count);
  while (entries.size() < count) entries.push_back(decoder.entry());
  if (!decoder.at_end()) EntryDecoder::damaged();
  return entries;
}

}  // namespace oci
