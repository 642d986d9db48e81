#include "frontend/dockerfile/shell_pattern.h"

#include <algorithm>
#include <limits>

#include "util/error.h"

namespace dockerfile {

namespace {

constexpr std::size_t kNoThread = std::numeric_limits<std::size_t>::max();
/// Steps of one match; a bound on characters times tokens, since both come from the file.
constexpr std::size_t kMaxWork = std::size_t{1} << 28;

std::vector<unicode::CodePoint> characters_of(std::string_view text) {
  std::vector<unicode::CodePoint> characters;
  characters.reserve(text.size());
  for (std::size_t position = 0; position < text.size(); position += characters.back().width) {
    characters.push_back(unicode::decode(text, position));
  }
  return characters;
}

std::size_t bytes_of(const std::vector<unicode::CodePoint>& characters, std::size_t first, std::size_t last) {
  std::size_t bytes = 0;
  for (std::size_t i = first; i < last; ++i) bytes += characters[i].width;
  return bytes;
}

void check_work(std::size_t characters, std::size_t tokens) {
  if (characters > kMaxWork / (tokens + 1)) throw util::Error("pattern in substitution is too long for its text");
}

bool is_template_name(char c) {
  return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/// The name after the '$' at `position` with the length of the whole reference; 0 when it is no reference.
std::pair<std::string_view, std::size_t> template_reference(std::string_view text, std::size_t position) {
  std::string_view rest = text.substr(position + 1);
  bool braces = !rest.empty() && rest.front() == '{';
  if (braces) rest.remove_prefix(1);
  std::size_t length = std::find_if_not(rest.begin(), rest.end(), is_template_name) - rest.begin();
  if (length == 0) return {{}, 0};
  if (!braces) return {rest.substr(0, length), length + 1};
  if (length == rest.size() || rest[length] != '}') return {{}, 0};
  return {rest.substr(0, length), length + 3};
}

void append_template(std::string& out, std::string_view replacement, std::string_view match) {
  for (std::size_t position = 0; position < replacement.size();) {
    std::size_t dollar = std::min(replacement.find('$', position), replacement.size());
    out.append(replacement.substr(position, dollar - position));
    if (dollar == replacement.size()) return;
    if (replacement.substr(dollar, 2) == "$$") {
      out.push_back('$');
      position = dollar + 2;
      continue;
    }
    auto [name, length] = template_reference(replacement, dollar);
    if (length == 0) out.push_back('$');
    if (name == "0") out.append(match);
    position = dollar + std::max<std::size_t>(length, 1);
  }
}

}  // namespace

ShellPattern::ShellPattern(std::string_view text) {
  for (std::size_t position = 0; position < text.size();) {
    unicode::CodePoint point = unicode::decode(text, position);
    position += point.width;
    if (point.value == '*') {
      if (tokens_.empty() || tokens_.back().kind != Kind::star) tokens_.push_back({Kind::star, 0});
      continue;
    }
    if (point.value == '?') {
      tokens_.push_back({Kind::any, 0});
      continue;
    }
    if (point.value == '\\') {
      std::string_view next = text.substr(position, 1);
      if (next == "}" || next == "/") continue;
      if (next != "*" && next != "?" && next != "\\") {
        throw util::Error("invalid pattern `" + std::string(text) + "` in substitution: invalid escape `\\" +
                          std::string(next) + "`");
      }
      point = unicode::decode(text, position++);
    }
    tokens_.push_back({Kind::literal, point.value});
  }
}

/// Moves all threads over one character; a thread is the position its match began at, kept per token it waits at.
bool ShellPattern::step(const std::vector<Token>& tokens, char32_t character, std::vector<std::size_t>& threads) {
  bool alive = false;
  threads[tokens.size()] = kNoThread;
  for (std::size_t i = tokens.size(); i-- > 0;) {
    std::size_t thread = threads[i];
    if (thread == kNoThread) continue;
    const Token& token = tokens[i];
    bool matches = token.kind == Kind::literal ? character == token.value : character != '\n';
    if (token.kind != Kind::star) {
      threads[i] = kNoThread;
      if (matches) threads[i + 1] = std::min(threads[i + 1], thread);
    } else if (!matches) {
      threads[i] = kNoThread;
    }
    alive = alive || matches;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == Kind::star) threads[i + 1] = std::min(threads[i + 1], threads[i]);
  }
  return alive;
}

/// Number of characters of the shortest or longest match at the beginning.
std::optional<std::size_t> ShellPattern::match_head(const std::vector<Token>& tokens, const Characters& characters,
                                                    bool longest) {
  check_work(characters.size(), tokens.size());
  std::vector<std::size_t> threads(tokens.size() + 1, kNoThread);
  threads[0] = 0;
  if (!tokens.empty() && tokens[0].kind == Kind::star) threads[1] = 0;
  std::optional<std::size_t> found;
  for (std::size_t position = 0;; ++position) {
    if (threads[tokens.size()] != kNoThread) {
      found = position;
      if (!longest) return found;
    }
    if (position == characters.size() || !step(tokens, characters[position].value, threads)) return found;
  }
}

std::string_view ShellPattern::strip_prefix(std::string_view value, bool longest) const {
  Characters characters = characters_of(value);
  std::optional<std::size_t> length = match_head(tokens_, characters, longest);
  return length ? value.substr(bytes_of(characters, 0, *length)) : value;
}

std::string_view ShellPattern::strip_suffix(std::string_view value, bool longest) const {
  Characters characters = characters_of(value);
  std::reverse(characters.begin(), characters.end());
  std::vector<Token> tokens(tokens_.rbegin(), tokens_.rend());
  std::optional<std::size_t> length = match_head(tokens, characters, longest);
  return length ? value.substr(0, value.size() - bytes_of(characters, 0, *length)) : value;
}

/// The match that begins first, the longest one of them.
std::optional<ShellPattern::Match> ShellPattern::search(const Characters& characters, std::size_t from) const {
  std::vector<std::size_t> threads(tokens_.size() + 1, kNoThread);
  bool leading_star = !tokens_.empty() && tokens_[0].kind == Kind::star;
  std::optional<Match> best;
  for (std::size_t position = from;; ++position) {
    if (!best) {
      threads[0] = std::min(threads[0], position);
      if (leading_star) threads[1] = std::min(threads[1], position);
    } else {
      for (std::size_t& thread : threads) {
        if (thread != kNoThread && thread > best->first) thread = kNoThread;
      }
    }
    std::size_t complete = threads[tokens_.size()];
    if (complete != kNoThread && (!best || complete <= best->first)) best = Match{complete, position};
    if (position == characters.size()) return best;
    if (!step(tokens_, characters[position].value, threads) && best) return best;
  }
}

std::string ShellPattern::replace_first(std::string_view value, std::string_view replacement) const {
  Characters characters = characters_of(value);
  check_work(characters.size(), tokens_.size());
  std::optional<Match> match = search(characters, 0);
  if (!match) return std::string(value);
  std::size_t first = bytes_of(characters, 0, match->first);
  std::size_t last = first + bytes_of(characters, match->first, match->last);
  std::string result(value.substr(0, first));
  result.append(replacement).append(value.substr(last));
  return result;
}

std::string ShellPattern::replace_all(std::string_view value, std::string_view replacement, std::size_t limit) const {
  Characters characters = characters_of(value);
  check_work(characters.size(), tokens_.size());
  std::string result;
  std::size_t copied = 0;  // characters
  std::size_t copied_bytes = 0;
  for (std::size_t from = 0; from <= characters.size();) {
    std::optional<Match> match = search(characters, from);
    if (!match) break;
    std::size_t first_byte = copied_bytes + bytes_of(characters, copied, match->first);
    std::size_t last_byte = first_byte + bytes_of(characters, match->first, match->last);
    result.append(value.substr(copied_bytes, first_byte - copied_bytes));
    // An empty match right behind the one before is none.
    if (match->last > copied || match->first == 0) {
      append_template(result, replacement, value.substr(first_byte, last_byte - first_byte));
    }
    if (result.size() > limit) throw util::Error("result of a substitution is too long");
    copied = match->last;
    copied_bytes = last_byte;
    from = std::max(from + 1, match->last);
  }
  result.append(value.substr(copied_bytes));
  return result;
}

}  // namespace dockerfile
