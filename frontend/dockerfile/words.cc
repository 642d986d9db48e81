#include "frontend/dockerfile/words.h"

#include <algorithm>

#include "frontend/dockerfile/unicode.h"

namespace dockerfile {

namespace {

constexpr std::string_view kBlanks = "\t\v\f\r ";

/// Copies the escape character at `position` and what it protects. At the end of the text it is dropped.
void take_escaped(std::string_view text, std::size_t& position, std::string& word) {
  if (position + 1 >= text.size()) {
    position = text.size();
    return;
  }
  std::size_t length = 1 + unicode::decode(text, position + 1).width;
  word.append(text.substr(position, length));
  position += length;
}

std::string take_word(std::string_view text, std::size_t& position, char escape) {
  std::string word;
  char quote = 0;
  while (position < text.size()) {
    char c = text[position];
    if (c == escape && quote != '\'') {
      take_escaped(text, position, word);
      continue;
    }
    if (quote == 0 && unicode::space_width(text, position) > 0) break;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
    word.push_back(c);
    ++position;
  }
  return word;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  for (std::size_t position = 0; position < text.size();) {
    if (std::size_t width = unicode::space_width(text, position)) {
      position += width;
      continue;
    }
    std::string word = take_word(text, position, escape);
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

BlankRun find_blanks(std::string_view text, std::size_t from) {
  std::size_t first = std::min(text.find_first_of(kBlanks, from), text.size());
  std::size_t last = std::min(text.find_first_not_of(kBlanks, first), text.size());
  return {first, last};
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> pieces;
  if (text.empty()) return pieces;
  for (std::size_t position = 0;;) {
    BlankRun run = find_blanks(text, position);
    pieces.emplace_back(text.substr(position, run.first - position));
    if (run.first == text.size()) return pieces;
    position = run.last;
  }
}

}  // namespace dockerfile
