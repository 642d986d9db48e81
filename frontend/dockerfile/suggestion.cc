#include "frontend/dockerfile/suggestion.h"

#include <optional>

#include "util/text.h"

namespace dockerfile {

std::string suggestion_text(std::string_view word, std::span<const std::string> known) {
  for (const std::string& candidate : known) {
    // util::suggest has nothing to say about words that differ in case alone.
    if (candidate != word && util::equal_ignoring_case(candidate, word)) return " (did you mean " + candidate + "?)";
  }
  std::optional<std::string> nearest = util::suggest(word, known);
  return nearest ? " (did you mean " + *nearest + "?)" : "";
}

}  // namespace dockerfile
