#include "util/digest.h"

#include <fmt/format.h>
// EVP, which is meant to be used instead, reads a configuration and registers a few hundred algorithms at its first use: half of what
// a build in which nothing changed has to compute.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "util/check.h"
#include "util/error.h"
#include "util/sha256_pair.h"
#include "util/sync.h"

namespace util {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kSha512 = "sha512:";
constexpr std::size_t kPrefixLength = 7;  // both prefixes
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kSha512Digits = 128;
/// Data from which on taking it into two hashes at once pays.
constexpr std::size_t kWorthAPair = 256;

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::array<unsigned char, 32>> from_hex(std::string_view hex) {
  std::array<unsigned char, 32> bytes;
  if (hex.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = nibble(hex[2 * i]);
    const int low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return bytes;
}

/// 64 digits.
void write_hex(char* to, const std::array<unsigned char, 32>& bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (unsigned char byte : bytes) {
    *to++ = kHex[byte >> 4];
    *to++ = kHex[byte & 15];
  }
}

void append_hex(std::string& to, const std::array<unsigned char, 32>& bytes) {
  to.resize(to.size() + kSha256Digits);
  write_hex(to.data() + to.size() - kSha256Digits, bytes);
}

/// The hex of all sha512 that the process has met. They appear in documents of others only, and nothing is stored under one.
struct LongDigests {
  std::map<std::string, std::uint64_t, std::less<>> numbers;
  std::vector<const std::string*> texts;
};

Sync<LongDigests>& long_digests() {
  static Sync<LongDigests> table;
  return table;
}

std::uint64_t number_of_long(std::string_view hex) {
  auto table = long_digests().lock();
  const auto [entry, added] = table->numbers.try_emplace(std::string(hex), table->texts.size());
  if (added) table->texts.push_back(&entry->first);
  return entry->second;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

std::optional<Digest> Digest::find(std::string_view text) {
  Digest digest;
  if (text.starts_with(kSha256)) {
    const std::optional<std::array<unsigned char, 32>> bytes = from_hex(text.substr(kPrefixLength));
    if (!bytes) return std::nullopt;
    return sha256(*bytes);
  }
  const std::string_view hex = text.substr(std::min(text.size(), kPrefixLength));
  if (!text.starts_with(kSha512) || hex.size() != kSha512Digits) return std::nullopt;
  if (!std::ranges::all_of(hex, [](char c) { return nibble(c) >= 0; })) return std::nullopt;
  const std::uint64_t number = number_of_long(hex);
  digest.algorithm_ = Algorithm::sha512;
  std::memcpy(digest.bytes_.data(), &number, sizeof number);
  return digest;
}

Digest Digest::parse(std::string_view text) {
  std::optional<Digest> digest = find(text);
  if (!digest) throw Error(fmt::format("parse digest `{}`: not of the form sha256:<64 hex digits>", text));
  return *digest;
}

Digest Digest::sha256(std::string_view hex) {
  const std::optional<std::array<unsigned char, 32>> bytes = from_hex(hex);
  if (!bytes) throw Error(fmt::format("parse digest `{}`: not 64 hex digits", hex));
  return sha256(*bytes);
}

Digest Digest::sha256(const std::array<unsigned char, 32>& bytes) noexcept {
  Digest digest;
  digest.algorithm_ = Algorithm::sha256;
  digest.bytes_ = bytes;
  return digest;
}

std::string_view Digest::algorithm() const noexcept {
  return algorithm_ == Algorithm::none ? "" : algorithm_ == Algorithm::sha256 ? "sha256" : "sha512";
}

std::string Digest::hex() const {
  if (algorithm_ == Algorithm::sha512) {
    std::uint64_t number;
    std::memcpy(&number, bytes_.data(), sizeof number);
    return *long_digests().lock()->texts[number];
  }
  std::string hex;
  if (empty()) return hex;
  hex.reserve(kSha256Digits);
  append_hex(hex, bytes_);
  return hex;
}

std::string Digest::to_string() const {
  std::string text;
  if (empty()) return text;
  if (algorithm_ == Algorithm::sha512) return text.append(kSha512).append(hex());
  text.reserve(kPrefixLength + kSha256Digits);
  text.append(kSha256);
  append_hex(text, bytes_);
  return text;
}

struct Sha256::State {
  SHA256_CTX context;
  // Keys are made of many short fields, each of which would cost a call that is prepared for long data.
  std::array<std::byte, 1024> pending;
  std::size_t size = 0;

  void flush() {
    SHA256_Update(&context, pending.data(), size);
    size = 0;
  }
  void take(std::span<const std::byte> data) { SHA256_Update(&context, data.data(), data.size()); }
  /// Bytes that went into `context.h` past OpenSSL; it counts bits in two halves.
  void count(std::uint64_t bytes) {
    const std::uint64_t bits = (std::uint64_t{context.Nh} << 32 | context.Nl) + 8 * bytes;
    context.Nl = static_cast<SHA_LONG>(bits);
    context.Nh = static_cast<SHA_LONG>(bits >> 32);
  }
};

Sha256::Sha256() : state_(std::make_unique_for_overwrite<State>()) {
  SHA256_Init(&state_->context);
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> data) {
  CHECK(state_ != nullptr);
  State& state = *state_;
  if (state.size + data.size() > state.pending.size()) state.flush();
  if (data.size() > state.pending.size()) {
    state.take(data);
    return;
  }
  std::copy(data.begin(), data.end(), state.pending.begin() + static_cast<std::ptrdiff_t>(state.size));
  state.size += data.size();
}

void Sha256::update(std::string_view data) {
  update(bytes_of(data));
}

void update_both(Sha256& first, Sha256& second, std::span<const std::byte> data) {
  CHECK(first.state_ != nullptr && second.state_ != nullptr);
  Sha256::State& a = *first.state_;
  Sha256::State& b = *second.state_;
  if (data.size() >= kWorthAPair && has_sha256_pair()) {
    a.flush();
    b.flush();
    if (a.context.num == b.context.num) {
      const std::size_t head = (SHA256_CBLOCK - a.context.num) % SHA256_CBLOCK;
      a.take(data.first(head));
      b.take(data.first(head));
      const std::size_t blocks = (data.size() - head) / SHA256_CBLOCK * SHA256_CBLOCK;
      sha256_pair(a.context.h, b.context.h, data.subspan(head, blocks));
      a.count(blocks);
      b.count(blocks);
      data = data.subspan(head + blocks);
    }
  }
  first.update(data);
  second.update(data);
}

Digest Sha256::finish() {
  CHECK(state_ != nullptr);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw;
  state_->flush();
  SHA256_Final(raw.data(), &state_->context);
  state_.reset();
  return Digest::sha256(raw);
}

Digest sha256_of(std::string_view data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

Hasher::Hasher(std::string_view recipe) {
  field("recipe", recipe);
}

Hasher& Hasher::field(std::string_view label, std::string_view value) {
  // Both lengths are written, so that no label or value can imitate another split of the same bytes.
  const fmt::format_int label_size(label.size()), value_size(value.size());
  const std::string_view parts[] = {{label_size.data(), label_size.size()}, ":", {value_size.data(), value_size.size()}, ":", label, value};
  // A key has very many fields, most of them short.
  std::array<char, 192> together;
  if (label.size() + value.size() + 2 * sizeof("18446744073709551615") <= together.size()) {
    char* end = together.data();
    for (const std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
    hash_.update(std::string_view(together.data(), end));
  } else {
    for (const std::string_view part : parts) hash_.update(part);
  }
  return *this;
}

Hasher& Hasher::field(std::string_view label, const Digest& value) {
  if (value.algorithm() != "sha256") return field(label, std::string_view(value.to_string()));
  std::array<char, kPrefixLength + kSha256Digits> text;
  write_hex(std::copy(kSha256.begin(), kSha256.end(), text.data()), value.bytes());
  return field(label, std::string_view(text.data(), text.size()));
}

Hasher& Hasher::number(std::string_view label, std::int64_t value) {
  fmt::format_int text(value);
  return field(label, std::string_view(text.data(), text.size()));
}

}  // namespace util
