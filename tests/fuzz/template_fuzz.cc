#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tools/format/table.h"
#include "tools/format/template.h"
#include "util/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const nlohmann::ordered_json kRow = nlohmann::ordered_json::parse(
      R"({"A": "text", "B": 1, "C": 1.5, "D": true, "E": null, "F": ["x", "y", [1]], "G": {"H": {"I": "deep"}, "Labels": {"a": "b"}}})");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const builder::format::Template parsed(text);
    static_cast<void>(parsed.headings({{"A", "HEADING"}}));
    static_cast<void>(parsed.execute(kRow));
  } catch (const util::Error&) {
  }
  try {
    static_cast<void>(builder::format::format_rows(text, "table {{.A}}", {{"A", "HEADING"}}, {&kRow, 1}));
  } catch (const util::Error&) {
  }
  return 0;
}
