#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dockerfile {

/// Fields of the first record of a CSV text: separated by commas, optionally quoted ("" inside quotes is one quote), as
/// flag values are written. Throws util::Error for misplaced quotes and for no record at all.
std::vector<std::string> parse_csv_record(std::string_view text);

}  // namespace dockerfile
