#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace builder::format {

/// What docker's list commands do with --format: `rows` (objects with the same fields) as text, each ending in a line
/// break. "json": an object a line; "table TEMPLATE": aligned columns under the fields' `headings`; "", "table":
/// `standard`, which is such a text; anything else is a template for each row. `\t` and `\n` written as two characters
/// mean a tab and a line break. Throws util::Error for a template that is wrong, also when there are no rows.
std::string format_rows(std::string_view format, std::string_view standard,
                        const std::map<std::string, std::string>& headings,
                        std::span<const nlohmann::ordered_json> rows);

/// Columns separated by tabs, aligned as docker does: three blanks between them, and at least ten letters each.
std::string align_columns(std::string_view text);
/// The same of cells.
std::string align_columns(std::span<const std::vector<std::string>> rows);

/// The first `limit` letters (UTF-8), the last of them "…" when something was cut off.
std::string shorten(std::string_view text, std::size_t limit);

}  // namespace builder::format
