#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace util {

/// A content digest "algorithm:hex" (image-spec descriptor.md, "Digests"). sha256 and sha512 are
/// known. An empty Digest (default constructed) names nothing.
class Digest {
 public:
  Digest() = default;
  /// Throws Error when the text is not a digest of a known algorithm.
  static Digest parse(std::string_view text);
  static std::optional<Digest> find(std::string_view text);
  /// From lower-case hex of a sha256.
  static Digest sha256(std::string_view hex);

  bool empty() const noexcept { return text_.empty(); }
  explicit operator bool() const noexcept { return !text_.empty(); }
  const std::string& to_string() const noexcept { return text_; }
  std::string_view algorithm() const noexcept;
  std::string_view hex() const noexcept;
  /// First 12 hex digits, for people.
  std::string short_hex() const { return std::string(hex().substr(0, 12)); }

  auto operator<=>(const Digest&) const = default;

 private:
  std::string text_;
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

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256_of(std::string_view data);

/// Hash of labelled fields for keys: every field is written as label, length, bytes, so that
/// ("ab","c") and ("a","bc") differ. The recipe tag ("chain/1") goes in first.
class Hasher {
 public:
  explicit Hasher(std::string_view recipe);
  Hasher& field(std::string_view label, std::string_view value);
  Hasher& field(std::string_view label, const Digest& value) { return field(label, value.to_string()); }
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
    return std::hash<std::string>()(digest.to_string());
  }
};
