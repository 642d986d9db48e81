#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace util {

/// A content digest "algorithm:hex" (image-spec descriptor.md, "Digests"). sha256 and sha512 are known. An empty Digest
/// (default constructed) names nothing. Small and cheap to copy: tens of thousands are kept for a layer.
class Digest {
 public:
  Digest() = default;
  /// Throws Error when the text is not a digest of a known algorithm.
  static Digest parse(std::string_view text);
  static std::optional<Digest> find(std::string_view text);
  /// From lower-case hex of a sha256. Throws Error when it is not that.
  static Digest sha256(std::string_view hex);
  static Digest sha256(const std::array<unsigned char, 32>& bytes) noexcept;

  bool empty() const noexcept { return algorithm_ == Algorithm::none; }
  explicit operator bool() const noexcept { return !empty(); }
  /// "" when empty.
  std::string to_string() const;
  /// "sha256", "sha512" or "".
  std::string_view algorithm() const noexcept;
  std::string hex() const;
  /// First 12 hex digits, for people.
  std::string short_hex() const { return hex().substr(0, 12); }
  /// Of a sha256 its bytes; of no use for others.
  const std::array<unsigned char, 32>& bytes() const noexcept { return bytes_; }

  /// By algorithm, then (sha256) as their texts.
  auto operator<=>(const Digest&) const = default;

 private:
  enum class Algorithm : std::uint8_t { none, sha256, sha512 };
  Algorithm algorithm_ = Algorithm::none;
  std::array<unsigned char, 32> bytes_{};  ///< of a sha512, which is rare, its number in a table of the process
};

/// Streaming SHA-256.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::span<const std::byte> data);
  void update(std::string_view data);
  /// May be called once.
  Digest finish();

  /// `data` into both, in less time than one after the other where the processor has instructions for SHA-256 and both
  /// have taken as many bytes modulo 64.
  friend void update_both(Sha256& first, Sha256& second, std::span<const std::byte> data);

 private:
  struct State;
  std::unique_ptr<State> state_;
};
void update_both(Sha256& first, Sha256& second, std::span<const std::byte> data);

Digest sha256_of(std::string_view data);

/// Hash of labelled fields for keys: every field is written as label, length, bytes, so that
/// ("ab","c") and ("a","bc") differ. The recipe tag ("chain/1") goes in first.
class Hasher {
 public:
  explicit Hasher(std::string_view recipe);
  Hasher& field(std::string_view label, std::string_view value);
  Hasher& field(std::string_view label, const Digest& value);
  Hasher& number(std::string_view label, std::int64_t value);
  /// May be called once.
  Digest finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

}  // namespace util

template <>
struct std::hash<util::Digest> {
  std::size_t operator()(const util::Digest& digest) const noexcept {
    std::size_t value;
    std::memcpy(&value, digest.bytes().data(), sizeof value);
    return value;
  }
};
