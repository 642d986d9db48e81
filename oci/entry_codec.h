#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "oci/layer.h"
#include "util/digest.h"

namespace oci {

/// A listing: this, the number of entries, entries, SHA-256 of all that.
inline constexpr std::string_view kListingMagic = "builder listing\n\x01";
inline constexpr std::size_t kListingChecksum = 32;

/// Writes entries as bytes that follow each other, each path as what it adds to the one before (layer_codec.cc has the form).
class EntryEncoder {
 public:
  enum class Form : std::uint8_t {
    listing,   ///< all of an entry
    identity,  ///< what makes the layer id
  };
  explicit EntryEncoder(Form form, std::string_view start = {}) : out_(start), form_(form) {}

  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  void entry(const LayerEntry& entry);
  /// What was written; may be taken out and cleared at any time.
  std::string& out() { return out_; }

 private:
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  void path(const std::string& value);
  void digest(const util::Digest& value);

  std::string out_;
  Form form_;
  std::string last_path_;
};

/// Reads what an EntryEncoder wrote in the form `listing`. Throws util::Error on damage.
class EntryDecoder {
 public:
  /// `data` must outlive the decoder.
  explicit EntryDecoder(std::string_view data) : data_(data) {}

  bool at_end() const { return data_.empty(); }
  /// What was not read yet.
  std::string_view rest() const { return data_; }
  /// Goes on with `data`, which begins with the rest.
  void go_on_with(std::string_view data) { data_ = data; }
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
  [[noreturn]] static void damaged();

 private:
  std::uint32_t small_number();
  std::string_view text() {
    std::uint64_t size = number();
    if (size > data_.size()) damaged();
    std::string_view value = data_.substr(0, size);
    data_.remove_prefix(size);
    return value;
  }
  std::string path();
  util::Digest digest();

  std::string_view data_;
  std::string last_path_;
};

}  // namespace oci
