#include "tools/format/template_lexer.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "util/error.h"
#include "util/text.h"

namespace builder::format {
namespace {

template <typename T>
std::shared_ptr<const Value> literal_value(T value) {
  return std::make_shared<const Value>(std::move(value));
}

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}
bool is_name(char c) {
  return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | (code >> 12));
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | (code >> 18));
    text += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Splits what is between {{ and }} into tokens.
class Lexer {
 public:
  Lexer(std::string_view text, std::size_t base) : text_(text), base_(base) {}

  std::vector<Token> tokens() {
    std::vector<Token> found;
    do {
      found.push_back(next());
    } while (found.back().kind != Token::Kind::end);
    return found;
  }

 private:
  using Kind = Token::Kind;

  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }
  Token make(Kind kind, std::size_t length) {
    at_ += length;
    return {kind, {}, {}, true, 0};
  }

  Token next() {
    const std::size_t before = at_;
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    const std::size_t start = at_;
    Token token = at_ < text_.size() ? scan() : Token{};
    token.spaced = start == 0 || start != before;
    token.offset = base_ + start;
    return token;
  }

  Token scan() {
    const char c = peek();
    if (c == '(') return make(Kind::open, 1);
    if (c == ')') return make(Kind::close, 1);
    if (c == '|') return make(Kind::pipe, 1);
    if (c == ',') return make(Kind::comma, 1);
    if (c == '=') return make(Kind::assign, 1);
    if (c == ':' && peek(1) == '=') return make(Kind::declare, 2);
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '`') return raw();
    if (c == '.' && !std::isdigit(static_cast<unsigned char>(peek(1)))) {
      ++at_;
      std::string field = name();
      return {field.empty() ? Kind::dot : Kind::field, field, {}, true, 0};
    }
    if (c == '$') {
      ++at_;
      return {Kind::variable, "$" + name(), {}, true, 0};
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.') return number();
    if (is_name_start(c)) return word();
    throw_at(base_ + at_, fmt::format("unexpected {} in an action", util::quote(std::string_view(&c, 1))));
  }

  Token word() {
    std::string text = name();
    if (text == "true" || text == "false") return {Kind::literal, {}, literal_value(text == "true"), true, 0};
    if (text == "nil") return {Kind::literal, {}, literal_value(nullptr), true, 0};
    return {Kind::identifier, std::move(text), {}, true, 0};
  }

  Token number() {
    const std::size_t start = at_;
    if (peek() == '+' || peek() == '-') ++at_;
    while (is_name(peek()) || peek() == '.' ||
           ((peek() == '+' || peek() == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E')))
      ++at_;
    std::string_view digits = text_.substr(start, at_ - start);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::int64_t whole = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
    if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size())
      return {Kind::literal, {}, literal_value(whole), true, 0};
    double real = 0;
    const auto floating = std::from_chars(digits.data(), digits.data() + digits.size(), real);
    if (floating.ec == std::errc() && floating.ptr == digits.data() + digits.size())
      return {Kind::literal, {}, literal_value(real), true, 0};
    throw_at(base_ + start, fmt::format("`{}` is no number", digits));
  }

  Token raw() {
    const std::size_t end = text_.find('`', at_ + 1);
    if (end == std::string_view::npos) throw_at(base_ + at_, "unterminated quoted string");
    Token token{Kind::literal, {}, literal_value(std::string(text_.substr(at_ + 1, end - at_ - 1))), true, 0};
    at_ = end + 1;
    return token;
  }

  Token quoted(char quote) {
    const std::size_t start = at_++;
    std::string text;
    while (peek() != quote) {
      if (at_ >= text_.size()) throw_at(base_ + start, "unterminated quoted string");
      if (peek() == '\\') {
        escape(text);
      } else {
        text += text_[at_++];
      }
    }
    ++at_;
    return {Kind::literal, {}, literal_value(std::move(text)), true, 0};
  }

  void escape(std::string& text) {
    constexpr std::string_view kLetters = "abfnrtv\\\"'", kMeanings = "\a\b\f\n\r\t\v\\\"'";
    const std::size_t start = at_++;
    const char c = peek();
    ++at_;
    if (const std::size_t known = c == '\0' ? std::string_view::npos : kLetters.find(c);
        known != std::string_view::npos) {
      text += kMeanings[known];
      return;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    std::uint32_t code = 0;
    if (digits == 0 || at_ + digits > text_.size()) throw_at(base_ + start, "unknown escape in a quoted string");
    const char* end = text_.data() + at_ + digits;
    if (std::from_chars(text_.data() + at_, end, code, 16).ptr != end || code > 0x10FFFF)
      throw_at(base_ + start, "bad escape in a quoted string");
    at_ += digits;
    c == 'x' ? void(text += static_cast<char>(code)) : append_utf8(text, code);
  }

  std::string_view text_;
  std::size_t base_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void throw_at(std::size_t offset, const std::string& what) {
  throw util::Error(fmt::format("format template: column {}: {}", offset + 1, what));
}

std::vector<Token> tokens_of(std::string_view text, std::size_t base) {
  return Lexer(text, base).tokens();
}

}  // namespace builder::format
