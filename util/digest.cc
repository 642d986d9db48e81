#include "util/digest.h"

#include <fmt/format.h>
// EVP, which is meant to be used instead, reads a configuration and registers a few hundred algorithms at its first use: half of what
// a build in which nothing changed has to compute.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

#include "util/check.h"
#include "util/error.h"

namespace util {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kSha512 = "sha512:";
constexpr std::size_t kPrefixLength = 7;  // both prefixes

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_digest(std::string_view text) {
  std::size_t digits = text.starts_with(kSha256) ? 64 : text.starts_with(kSha512) ? 128 : 0;
  return digits != 0 && text.size() == kPrefixLength + digits && is_lower_hex(text.substr(kPrefixLength));
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

std::optional<Digest> Digest::find(std::string_view text) {
  if (!is_digest(text)) return std::nullopt;
  Digest digest;
  digest.text_ = text;
  return digest;
}

Digest Digest::parse(std::string_view text) {
  std::optional<Digest> digest = find(text);
  if (!digest) throw Error(fmt::format("parse digest `{}`: not of the form sha256:<64 hex digits>", text));
  return *std::move(digest);
}

Digest Digest::sha256(std::string_view hex) {
  std::string text;
  text.reserve(kPrefixLength + hex.size());
  text.append(kSha256).append(hex);
  if (!is_digest(text)) throw Error(fmt::format("parse digest `{}`: not 64 hex digits", hex));
  Digest digest;
  digest.text_ = std::move(text);
  return digest;
}

std::string_view Digest::algorithm() const noexcept {
  return std::string_view(text_).substr(0, text_.empty() ? 0 : 6);
}

std::string_view Digest::hex() const noexcept {
  return text_.empty() ? std::string_view() : std::string_view(text_).substr(kPrefixLength);
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
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
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
    SHA256_Update(&state.context, data.data(), data.size());
    return;
  }
  std::copy(data.begin(), data.end(), state.pending.begin() + static_cast<std::ptrdiff_t>(state.size));
  state.size += data.size();
}

void Sha256::update(std::string_view data) {
  update(bytes_of(data));
}

Digest Sha256::finish() {
  CHECK(state_ != nullptr);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw;
  state_->flush();
  SHA256_Final(raw.data(), &state_->context);
  state_.reset();
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<char, 2 * SHA256_DIGEST_LENGTH> hex;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    hex[2 * i] = kHex[raw[i] >> 4];
    hex[2 * i + 1] = kHex[raw[i] & 15];
  }
  return Digest::sha256({hex.data(), hex.size()});
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
  for (std::size_t size : {label.size(), value.size()}) {
    fmt::format_int text(size);
    hash_.update(std::string_view(text.data(), text.size()));
    hash_.update(":");
  }
  hash_.update(label);
  hash_.update(value);
  return *this;
}

Hasher& Hasher::number(std::string_view label, std::int64_t value) {
  fmt::format_int text(value);
  return field(label, std::string_view(text.data(), text.size()));
}

}  // namespace util
