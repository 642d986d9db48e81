#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "util/stream.h"

namespace util {

/// Turns one chunk of a stream into a self-contained piece of output: members (gzip) or a frame (zstd). What comes out
/// depends on the chunk and the level only. One per thread, for it keeps state.
class ChunkEncoder {
 public:
  virtual ~ChunkEncoder() = default;
  /// The output, in `space`, which is made larger where that is needed and never smaller. Throws Error.
  virtual Bytes encode(Bytes input, std::vector<std::byte>& space) = 0;
};

/// gzip members (RFC 1952) without name and time. Runs that hold nothing to be compressed (other archives, images, keys)
/// are stored as they are, as fast as memory, in members of their own. `level` 0..9; nullopt = fast: more than ten times
/// the speed of `gzip -6`.
std::unique_ptr<ChunkEncoder> make_gzip_encoder(std::optional<int> level);

/// Bytes that are all incompressible, or all not, as far as samples tell.
struct DataRun {
  Bytes data;
  bool incompressible = false;
};

/// Data cut into runs of both kinds, as long as they can be.
class DataRuns {
 public:
  /// `glance`: takes a tenth of the time, and a table whose bytes have all values for incompressible.
  explicit DataRuns(Bytes data, bool glance = false) : data_(data), glance_(glance), next_(next_is_incompressible()) {}
  bool at_end() const { return data_.empty(); }
  /// Not at the end.
  DataRun next();

 private:
  bool next_is_incompressible() const;

  Bytes data_;
  bool glance_;
  bool next_;  ///< of which kind the next run is
};

/// A zstd frame (RFC 8878) with a checksum. `level` 0..22; nullopt = default.
std::unique_ptr<ChunkEncoder> make_zstd_encoder(std::optional<int> level);

}  // namespace util
