#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/descriptor.h"
#include "oci/reference.h"
#include "oci/registry_auth.h"
#include "util/error.h"
#include "util/stream.h"

namespace oci {

/// A failed exchange with a registry.
class RegistryError : public util::Error {
 public:
  enum class Kind {
    unreachable,   ///< no connection, or only temporary faults (5xx, 429) in all tries
    unauthorized,  ///< 401 or 403; registries answer so for missing repositories too
    not_found,     ///< 404
    refused,       ///< any other answer
  };
  RegistryError(Kind kind, std::string message, std::string hint = {})
      : Error(std::move(message), std::move(hint)), kind_(kind) {}
  Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// A blob whose bytes are not what its digest says.
class DamagedBlob : public util::Error {
 public:
  using Error::Error;
};

/// A manifest or index as the registry sent it; `descriptor.digest` is of exactly these bytes.
struct ManifestBytes {
  Descriptor descriptor;
  std::string bytes;
};

/// Bytes of a blob so far and in all; called from the transferring thread.
using TransferProgress = std::function<void(std::uint64_t current, std::uint64_t total)>;

/// Pull and push by the OCI distribution spec 1.1. What is pulled may come from mirrors (registry_config); pushes go to
/// the registry itself. Plain http for loopback names (localhost, 127.0.0.0/8, ::1), https otherwise; hosts listed in
/// $BUILDER_INSECURE_REGISTRIES (by commas) may do with http or an unknown certificate. Anonymous, basic and bearer
/// authentication (registry_auth). Temporary faults are retried with back-off; a cut download is resumed with a range.
/// docs/registries.md describes it for users. Thread-safe.
class RegistryClient {
 public:
  RegistryClient();
  /// `retry_delay`: pause before the second try; it doubles with each further one.
  explicit RegistryClient(std::chrono::milliseconds retry_delay);
  ~RegistryClient();

  /// The manifest or index at a tag or digest; the digest is verified when the reference has one.
  /// Throws RegistryError: unknown name or tag, unreachable registry, authentication; util::Error: damaged bytes.
  ManifestBytes manifest(const Reference& reference, std::stop_token stop = {});
  /// Digest at a tag by HEAD; falls back to GET.
  Descriptor head(const Reference& reference, std::stop_token stop = {});
  /// Streams a blob into `sink`, which hashes it, verifying size and digest of every byte (throws DamagedBlob after the
  /// sink has seen them; the caller discards, and may try again: a mirror that sent them is not asked for them again).
  /// Does not call sink.finish().
  void fetch_blob(const Reference& repository, const Descriptor& blob, util::DigestWriter& sink,
                  const TransferProgress& progress = {}, std::stop_token stop = {});

  /// All tags of a repository in the order of the registry (usually the alphabet's), page by page. The tag and digest
  /// of `repository` play no part. Throws RegistryError: not_found for an unknown repository.
  std::vector<std::string> tags(const Reference& repository, std::stop_token stop = {});
  /// Does `host` ("docker.io", "localhost:5000") accept this credential? The stored ones play no part, nothing is
  /// written. Returns what is to be stored: `credential`, or an identity token in place of its password where the
  /// registry hands one out. Throws RegistryError: unauthorized when it is refused.
  Credential check_login(const std::string& host, const Credential& credential, std::stop_token stop = {});

  bool has_blob(const Reference& repository, const util::Digest& digest, std::stop_token stop = {});
  /// Asks to mount from another repository of the same registry; false = must be uploaded.
  bool mount_blob(const Reference& repository, const util::Digest& digest, const std::string& from_repository,
                  std::stop_token stop = {});
  /// Uploads in a single PUT, or in chunks where the registry does not take that (registry_upload.h); `open` gives a
  /// fresh reader for each try. Goes on with an upload that `mount_blob` opened.
  void push_blob(const Reference& repository, const Descriptor& blob,
                 const std::function<std::unique_ptr<util::Reader>()>& open, const TransferProgress& progress = {},
                 std::stop_token stop = {});
  /// `reference` with a tag, or with only a digest.
  void push_manifest(const Reference& reference, const ManifestBytes& manifest, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oci
