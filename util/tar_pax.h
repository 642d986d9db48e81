#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/fs.h"

namespace util::tar_format {

/// Data extents of a sparse file: offset and length, ascending, not overlapping.
using SparseMap = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Decimal number without sign; nullopt when malformed or too large.
std::optional<std::uint64_t> parse_decimal(std::string_view text);
/// "-12.5" seconds in nanoseconds, clamped to what they can express.
std::optional<Nanoseconds> parse_pax_time(std::string_view text);

/// Records of extended headers that apply to the next member.
struct PaxRecords {
  std::map<std::string, std::string> values;
  SparseMap sparse;  ///< GNU.sparse formats 0.0 and 0.1
  bool has_sparse = false;

  bool empty() const { return values.empty() && !has_sparse; }
  const std::string* find(const std::string& key) const;
  /// Adds the records of one extended header, later ones win. Throws Error.
  void add(std::string_view text);

 private:
  void add_sparse_number(const std::string& key, std::string_view value);
};

}  // namespace util::tar_format
