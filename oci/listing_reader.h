#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "oci/entry_codec.h"
#include "oci/layer.h"
#include "util/fd.h"

namespace oci {

/// The entries of a listing in a file, read piece by piece. Not thread-safe.
class ListingReader {
 public:
  /// Reads the file once to see that it is whole. Throws util::Error when it is not there or damaged.
  explicit ListingReader(const std::filesystem::path& file);
  /// The next one; false at the end. Throws util::Error.
  bool next(LayerEntry& entry);

 private:
  void read_ahead(std::size_t size);

  util::Fd file_;
  std::uint64_t position_ = 0, end_ = 0;  ///< of what was not read from the file yet
  std::uint64_t left_ = 0;                ///< entries
  std::string window_;
  EntryDecoder decoder_{std::string_view()};  ///< of the end of `window_`
  EntryDecoder before_ = decoder_;            ///< the last entry
};

}  // namespace oci
