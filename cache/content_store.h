#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "util/digest.h"
#include "util/fd.h"
#include "util/stream.h"

namespace cache {

struct BlobInfo {
  util::Digest digest;
  std::uint64_t size = 0;
};

class BlobFlusher;
class GrowingBlob;
class GrowingBlobs;
/// Files of blobs whose content this process knows to be right.
class KnownBlobs;

/// A blob being written; appears in the store at `commit`, vanishes otherwise.
class BlobWriter final : public util::DigestWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept;
  ~BlobWriter() override;
  void write(util::Bytes data) override;
  util::Digest digest() override;
  std::uint64_t size() const;
  /// Verifies the expected digest if one was given (throws util::Error) and makes it visible. It is on the disk when the
  /// store's `flush` has returned.
  BlobInfo commit();

 private:
  friend class ContentStore;
  struct State;
  explicit BlobWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Immutable blobs by digest: the `oci/blobs` directory of the root, a standard OCI image layout. Thread-safe and
/// shared by processes: a blob is written beside, then renamed. Who destroys it waits for the disk, as `flush` does.
class ContentStore {
 public:
  /// `layout` is the OCI layout directory, `temporary` a directory on the same file system.
  ContentStore(std::filesystem::path layout, std::filesystem::path temporary);
  bool contains(const util::Digest& digest) const;
  std::optional<BlobInfo> find(const util::Digest& digest) const;
  std::filesystem::path path(const util::Digest& digest) const;
  /// Throws util::Error when absent. The bytes are verified as they are read: a Reader that reaches the end of
  /// damaged bytes says so in a warning, drops the blob from the store and throws Damage. What this process itself has
  /// hashed, or hashed and written, is not hashed again, as long as nobody has touched the file.
  std::unique_ptr<util::Reader> open(const util::Digest& digest) const;
  /// The file of a blob that is known to be whole, so that it may be copied as it is; an empty Fd when `open` has to
  /// verify it.
  util::Fd open_known(const util::Digest& digest) const;
  /// Reads a blob just to verify it. Throws as `open` and its Reader do, and util::Cancelled.
  void verify(const util::Digest& digest, const std::stop_token& stop = {}) const;
  /// Whole small blob, verified.
  std::string read(const util::Digest& digest) const;
  BlobWriter create(std::optional<util::Digest> expected = {}) const;
  /// For reading a blob while it is written: the next writer that this process creates for the digest fills what is returned
  /// here. Who writes nothing after all has to `end` it.
  std::shared_ptr<GrowingBlob> expect(const util::Digest& digest) const;
  /// Stores a document; returns its digest. A damaged one of that name is replaced, with a warning.
  BlobInfo put(std::string_view bytes) const;
  /// Takes over a finished file of the store's file system, whose digest the caller has computed.
  void adopt(const std::filesystem::path& file, const util::Digest& digest) const;
  void remove(const util::Digest& digest) const;
  /// Waits until all blobs that were committed are on the disk; before something that lasts names them. Throws util::Error
  /// when the disk did not take one.
  void flush() const;

 private:
  util::Fd open_file(const util::Digest& digest) const;

  std::filesystem::path layout_;
  std::filesystem::path temporary_;
  std::shared_ptr<KnownBlobs> known_;
  std::shared_ptr<BlobFlusher> flusher_;
  std::shared_ptr<GrowingBlobs> growing_;
};

}  // namespace cache
