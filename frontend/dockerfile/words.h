#pragma once

#include <string>
#include <string_view>
#include <vector>

// Ways in which instructions split their arguments.
namespace dockerfile {

/// Words separated by white space outside quotes (ENV, LABEL, ARG). Quotes and escapes stay; inside `'` nothing
/// escapes.
std::vector<std::string> split_words(std::string_view text, char escape);

/// Pieces between runs of tabs, blanks and carriage returns, quotes unheeded (FROM, EXPOSE, COPY). Empty text: none.
std::vector<std::string> split_blanks(std::string_view text);

/// Position of the first such run at or after `from`, and behind it; both text.size() when there is none.
struct BlankRun {
  std::size_t first;
  std::size_t last;
};
BlankRun find_blanks(std::string_view text, std::size_t from = 0);

}  // namespace dockerfile
