#include "frontend/dockerfile/heredoc.h"

#include <algorithm>
#include <limits>

#include "frontend/dockerfile/word_expander.h"
#include "util/error.h"

namespace dockerfile {

namespace {

/// `[fd]<<[-]` at the beginning of a word.
struct Redirection {
  int fd = 0;
  bool chomp = false;
  std::string_view rest;
};

std::optional<Redirection> parse_redirection(std::string_view word) {
  Redirection redirection;
  constexpr int kMax = std::numeric_limits<int>::max();
  while (!word.empty() && word.front() >= '0' && word.front() <= '9') {
    int digit = word.front() - '0';
    redirection.fd = redirection.fd > (kMax - digit) / 10 ? kMax : redirection.fd * 10 + digit;
    word.remove_prefix(1);
  }
  if (!word.starts_with("<<")) return std::nullopt;
  word.remove_prefix(2);
  redirection.chomp = word.starts_with('-');
  if (redirection.chomp) word.remove_prefix(1);
  redirection.rest = word;
  return redirection;
}

std::size_t count_quotes(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return c == '\'' || c == '"'; }));
}

/// Whether the last `((` before the end of `text` is still open: `<<` is a shift there.
class ArithmeticScanner {
 public:
  void read(std::string_view word) {
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      std::string_view pair = word.substr(i, 2);
      if (pair == "((") {
        ++depth_;
        ++i;
      } else if (pair == "))" && depth_ > 0) {
        --depth_;
        ++i;
      }
    }
  }
  bool inside() const { return depth_ > 0; }

 private:
  int depth_ = 0;
};

}  // namespace

std::optional<Heredoc> parse_heredoc(std::string_view word) {
  std::optional<Redirection> redirection = parse_redirection(word);
  if (!redirection) return std::nullopt;
  std::string_view rest = redirection->rest;
  if (rest.empty() || rest.find('<') != std::string_view::npos) return std::nullopt;
  ExpandOptions options;
  options.keep_undefined = true;
  std::vector<std::string> words = expand_words(rest, {}, options);
  if (words.size() != 1) return std::nullopt;
  options.raw_quotes = true;
  std::vector<std::string> quoted = expand_words(rest, {}, options);
  if (quoted.size() != 1) return std::nullopt;
  Heredoc heredoc;
  heredoc.name = words[0];
  heredoc.expand = count_quotes(words[0]) == count_quotes(quoted[0]);
  heredoc.chomp = redirection->chomp;
  heredoc.fd = redirection->fd;
  return heredoc;
}

std::optional<Heredoc> try_parse_heredoc(std::string_view word) {
  try {
    return parse_heredoc(word);
  } catch (const util::Error&) {
    return std::nullopt;
  }
}

std::vector<std::string> join_heredoc_words(std::vector<std::string> words) {
  std::vector<std::string> joined;
  for (std::string& word : words) {
    std::optional<Redirection> before;
    if (!joined.empty()) before = parse_redirection(joined.back());
    if (before && before->rest.empty() && word.find('<') == std::string::npos) {
      joined.back() += " " + word;
    } else {
      joined.push_back(std::move(word));
    }
  }
  return joined;
}

std::vector<Heredoc> heredocs_in_line(std::string_view line) {
  ExpandOptions options;
  options.raw_quotes = true;
  options.raw_escapes = true;
  options.keep_undefined = true;
  std::vector<std::string> words;
  try {
    words = expand_words(line, {}, options);
  } catch (const util::Error&) {
    return {};
  }
  std::vector<Heredoc> heredocs;
  ArithmeticScanner arithmetic;
  for (const std::string& word : join_heredoc_words(std::move(words))) {
    std::optional<Heredoc> heredoc;
    if (!arithmetic.inside()) heredoc = parse_heredoc(word);
    if (heredoc) {
      heredocs.push_back(std::move(*heredoc));
    } else {
      arithmetic.read(word);
    }
  }
  return heredocs;
}

std::string strip_leading_tabs(std::string_view content) {
  std::string stripped;
  stripped.reserve(content.size());
  bool at_line_start = true;
  for (char c : content) {
    if (at_line_start && c == '\t') continue;
    at_line_start = c == '\n';
    stripped.push_back(c);
  }
  return stripped;
}

}  // namespace dockerfile
