#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "frontend/dockerfile/heredoc.h"
#include "frontend/dockerfile/word_expander.h"
#include "util/check.h"
#include "util/error.h"

using namespace dockerfile;

// Input: a byte of options, "name=value" lines up to an empty one, then the word.
namespace {

ExpandOptions options_of(std::uint8_t bits) {
  ExpandOptions options;
  if ((bits & 1) != 0) options.escape = '`';
  options.heredoc_body = (bits & 2) != 0;
  options.raw_quotes = (bits & 4) != 0;
  options.raw_escapes = (bits & 8) != 0;
  options.keep_undefined = (bits & 16) != 0;
  return options;
}

Environment take_environment(std::string_view& text) {
  Environment environment;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) break;
    std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) break;
    environment.set(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
  }
  return environment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ExpandOptions options = options_of(data[0]);
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Environment environment = take_environment(text);
  try {
    Expansion expansion = expand(text, environment, options);
    for (const std::string& name : expansion.used) CHECK(environment.find(name).has_value());
    for (const std::string& name : expansion.undefined) CHECK(!environment.find(name));
    std::size_t length = 0;
    for (const std::string& word : expand_words(text, environment, options)) {
      CHECK(!word.empty());
      length += word.size();
    }
    CHECK(length <= expansion.text.size());
  } catch (const util::Error&) {
  }
  try {
    heredocs_in_line(text);
  } catch (const util::Error&) {
  }
  return 0;
}
