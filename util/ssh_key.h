#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace util {

/// A private key as ssh uses them: RSA, ECDSA on a NIST curve, or Ed25519. Immutable; thread-safe.
class SshKey {
 public:
  /// Reads PEM (PKCS#1, PKCS#8, SEC 1) or OpenSSH's own format. Throws util::Error for anything else, and for a key that is
  /// protected by a passphrase. Never asks for one.
  static SshKey parse(std::string_view text);
  /// The same from a file.
  static SshKey load(const std::filesystem::path& file);

  /// The public key as the protocol sends it (RFC 4253 section 6.6, RFC 5656, RFC 8709).
  const std::string& public_blob() const { return public_blob_; }
  /// Flags of a sign request (draft-miller-ssh-agent, section 3.6.1): which hash an RSA signature uses.
  static constexpr std::uint32_t kRsaSha256 = 2, kRsaSha512 = 4;
  /// The signature of `data` as the protocol sends it. Throws util::Error.
  std::string sign(std::string_view data, std::uint32_t flags) const;

 private:
  explicit SshKey(void* key);

  std::shared_ptr<void> key_;  ///< OpenSSL's EVP_PKEY
  std::string type_;           ///< "ssh-ed25519"
  std::string public_blob_;
};

}  // namespace util
