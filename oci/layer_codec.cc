#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

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

constexpr std::string_view kMagic = "builder listing\n\x01";
constexpr std::string_view kRecipe = "layer/1\n";
constexpr std::size_t kChecksum = 32;
constexpr std::size_t kPiece = std::size_t{1} << 16;

constexpr unsigned kHasLink = 1U << 5;
constexpr unsigned kHasXattrs = 1U << 6;

enum class Form { listing, identity };

std::string_view raw_bytes(const util::Digest& sha256) {
  return {reinterpret_cast<const char*>(sha256.bytes().data()), sha256.bytes().size()};
}

class Encoder {
 public:
  Encoder(std::string_view start, Form form) : out_(start), form_(form) {}

  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  void entry(const LayerEntry& entry);
  std::string& out() { return out_; }

 private:
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  void path(const std::string& value) {
    auto same = std::mismatch(last_path_.begin(), last_path_.end(), value.begin(), value.end());
    auto shared = static_cast<std::size_t>(same.second - value.begin());
    number(shared);
    text(std::string_view(value).substr(shared));
    last_path_ = value;
  }
  void digest(const util::Digest& value) {
    if (value.empty()) return number(0);
    if (value.algorithm() != "sha256") return text(value.to_string());
    text(raw_bytes(value));
  }

  std::string out_;
  Form form_;
  std::string_view last_path_;
};

void Encoder::entry(const LayerEntry& entry) {
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

class Decoder {
 public:
  explicit Decoder(std::string_view data) : data_(data) {}

  bool at_end() const { return data_.empty(); }
  std::size_t left() const { return data_.size(); }
  LayerEntry entry();
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (data_.empty() || shift > 63) damaged();
      auto byte = static_cast<unsigned char>(data_.front());
      data_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  [[noreturn]] static void damaged() { throw util::Error("read the listing of a layer: the data is damaged"); }

 private:
  std::uint32_t small_number() {
    std::uint64_t value = number();
    if (value > std::numeric_limits<std::uint32_t>::max()) damaged();
    return static_cast<std::uint32_t>(value);
  }
  std::string_view text() {
    std::uint64_t size = number();
    if (size > data_.size()) damaged();
    std::string_view value = data_.substr(0, size);
    data_.remove_prefix(size);
    return value;
  }
  std::string path() {
    std::uint64_t shared = number();
    if (shared > last_path_.size()) damaged();
    last_path_.resize(shared);
    last_path_.append(text());
    if (last_path_.empty()) damaged();
    return last_path_;
  }
  util::Digest digest() {
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

  std::string_view data_;
  std::string last_path_;
};

LayerEntry Decoder::entry() {
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

std::string checksum(std::string_view data) {
  return std::string(raw_bytes(util::sha256_of(data)));
}

}  // namespace

util::Digest canonical_digest(std::span<const LayerEntry> entries) {
  util::Sha256 hash;
  Encoder encoder(kRecipe, Form::identity);
  for (const LayerEntry& entry : entries) {
    bool needs_content = entry.is_file() && entry.hard_link.empty();
    CHECK(!needs_content || !entry.content.empty());
    encoder.entry(entry);
    if (encoder.out().size() >= kPiece) {
      hash.update(encoder.out());
      encoder.out().clear();
    }
  }
  hash.update(encoder.out());
  return hash.finish();
}

void encode_listing(std::span<const LayerEntry> entries, util::Writer& to) {
  util::Sha256 hash;
  Encoder encoder(kMagic, Form::listing);
  const auto flush = [&] {
    hash.update(encoder.out());
    to.write(util::as_bytes(encoder.out()));
    encoder.out().clear();
  };
  encoder.number(entries.size());
  for (const LayerEntry& entry : entries) {
    encoder.entry(entry);
    if (encoder.out().size() >= kPiece) flush();
  }
  flush();
  to.write(util::as_bytes(raw_bytes(hash.finish())));
}

std::vector<LayerEntry> decode_listing(std::string_view data) {
  if (data.size() < kMagic.size() + kChecksum || !data.starts_with(kMagic)) Decoder::damaged();
  std::string_view body = data.substr(0, data.size() - kChecksum);
  if (checksum(body) != data.substr(body.size())) Decoder::damaged();
  Decoder decoder(body.substr(kMagic.size()));
  std::uint64_t count = decoder.number();
  // An entry takes three bytes at least: what claims more must not make us reserve memory.
  if (count > decoder.left() / 3) Decoder::damaged();
  std::vector<LayerEntry> entries;
  entries.reserve(count);
  while (entries.size() < count) entries.push_back(decoder.entry());
  if (!decoder.at_end()) Decoder::damaged();
  return entries;
}

}  // namespace oci
