#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/json_form.h"
#include "frontend/dockerfile/unicode.h"
#include "util/check.h"
#include "util/error.h"

using namespace dockerfile;

// The recogniser must agree with a JSON parser wherever both have the same idea of a string: in valid UTF-8 without \u,
// and short enough that no number overflows.
namespace {

bool comparable(std::string_view text) {
  for (std::size_t position = 0; position < text.size();) {
    unicode::CodePoint point = unicode::decode(text, position);
    // A byte order mark is skipped by the other parser alone, which also takes a zero byte for the end.
    if (point.value > 0x10ffff || point.value == 0xfeff || point.value == 0) return false;
    position += point.width;
  }
  return text.find("\\u") == std::string_view::npos && text.size() < 300;
}

/// Numbers may be too large for the other parser, which then refuses the text.
bool has_exponent(std::string_view text) {
  return text.find_first_of("eE") != std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::optional<std::vector<std::string>> strings;
  bool other_values = false;
  try {
    strings = parse_json_form(text);
  } catch (const util::Error&) {
    other_values = true;
  }
  if (!comparable(text) || has_exponent(text)) return 0;
  nlohmann::json other = nlohmann::json::parse(unicode::trim_left(text), nullptr, false);
  CHECK((strings || other_values) == other.is_array());
  if (!strings) return 0;
  CHECK(strings->size() == other.size());
  for (std::size_t i = 0; i < strings->size(); ++i) CHECK(other[i] == (*strings)[i]);
  return 0;
}
