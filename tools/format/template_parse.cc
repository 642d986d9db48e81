#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "tools/format/template_tree.h"
#include "util/error.h"
#include "util/text.h"

namespace builder::format {
namespace {

constexpr int kMaxDepth = 100;

[[noreturn]] void throw_at(std::size_t offset, const std::string& what) {
  throw util::Error(fmt::format("format template: column {}: {}", offset + 1, what));
}

struct Token {
  enum class Kind { identifier, field, dot, variable, literal, open, close, pipe, declare, assign, comma, end };
  Kind kind = Kind::end;
  std::string text;
  Value literal;
  bool spaced = true;  ///< white space before it
  std::size_t offset = 0;
};

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }
bool is_name(char c) { return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

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
    if (text == "true" || text == "false") return {Kind::literal, {}, Value(text == "true"), true, 0};
    if (text == "nil") return {Kind::literal, {}, Value(nullptr), true, 0};
    return {Kind::identifier, std::move(text), {}, true, 0};
  }

  Token number() {
    const std::size_t start = at_;
    if (peek() == '+' || peek() == '-') ++at_;
    while (is_name(peek()) || peek() == '.' || ((peek() == '+' || peek() == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E'))) ++at_;
    std::string_view digits = text_.substr(start, at_ - start);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::int64_t whole = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
    if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) return {Kind::literal, {}, Value(whole), true, 0};
    double real = 0;
    const auto floating = std::from_chars(digits.data(), digits.data() + digits.size(), real);
    if (floating.ec == std::errc() && floating.ptr == digits.data() + digits.size()) return {Kind::literal, {}, Value(real), true, 0};
    throw_at(base_ + start, fmt::format("`{}` is no number", digits));
  }

  Token raw() {
    const std::size_t end = text_.find('`', at_ + 1);
    if (end == std::string_view::npos) throw_at(base_ + at_, "unterminated quoted string");
    Token token{Kind::literal, {}, Value(std::string(text_.substr(at_ + 1, end - at_ - 1))), true, 0};
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
    return {Kind::literal, {}, Value(std::move(text)), true, 0};
  }

  void escape(std::string& text) {
    constexpr std::string_view kLetters = "abfnrtv\\\"'", kMeanings = "\a\b\f\n\r\t\v\\\"'";
    const std::size_t start = at_++;
    const char c = peek();
    ++at_;
    if (const std::size_t known = c == '\0' ? std::string_view::npos : kLetters.find(c); known != std::string_view::npos) {
      text += kMeanings[known];
      return;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    std::uint32_t code = 0;
    if (digits == 0 || at_ + digits > text_.size()) throw_at(base_ + start, "unknown escape in a quoted string");
    const char* end = text_.data() + at_ + digits;
    if (std::from_chars(text_.data() + at_, end, code, 16).ptr != end || code > 0x10FFFF) throw_at(base_ + start, "bad escape in a quoted string");
    at_ += digits;
    c == 'x' ? void(text += static_cast<char>(code)) : append_utf8(text, code);
  }

  std::string_view text_;
  std::size_t base_;
  std::size_t at_ = 0;
};

/// Tokens of one action into pipelines.
class PipelineParser {
 public:
  explicit PipelineParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  bool take_word(std::string_view word) {
    const bool found = peek().kind == Token::Kind::identifier && peek().text == word;
    if (found) ++at_;
    return found;
  }
  void expect_end() const {
    if (peek().kind != Token::Kind::end) throw_at(peek().offset, "unexpected text at the end of the action");
  }

  /// Up to the end of the action, or to a closing parenthesis.
  Pipeline pipeline(bool in_range, int depth) {
    if (depth > kMaxDepth) throw_at(peek().offset, "parentheses are nested too deeply");
    Pipeline found;
    found.offset = peek().offset;
    declarations(found, in_range);
    do {
      found.commands.push_back(command(depth));
    } while (take_if(Token::Kind::pipe));
    return found;
  }

 private:
  bool take_if(Token::Kind kind) {
    const bool found = peek().kind == kind;
    if (found) ++at_;
    return found;
  }

  void declarations(Pipeline& into, bool in_range) {
    std::size_t count = 0;
    if (peek().kind != Token::Kind::variable) return;
    if (const auto kind = peek(1).kind; kind == Token::Kind::declare || kind == Token::Kind::assign) {
      count = 1;
    } else if (kind == Token::Kind::comma && in_range && peek(2).kind == Token::Kind::variable) {
      const auto after = peek(3).kind;
      if (after == Token::Kind::declare || after == Token::Kind::assign) count = 2;
    }
    if (count == 0) return;
    into.variables.push_back(take().text);
    if (count == 2) {
      take();
      into.variables.push_back(take().text);
    }
    into.declares = take().kind == Token::Kind::declare;
  }

  std::vector<Operand> command(int depth) {
    std::vector<Operand> operands;
    while (starts_operand(peek().kind)) {
      if (!operands.empty() && !peek().spaced) throw_at(peek().offset, "a space is missing between two operands");
      operands.push_back(operand(depth));
    }
    if (operands.empty()) throw_at(peek().offset, "a value is missing");
    if (operands.size() > 1 && operands.front().kind != Operand::Kind::function)
      throw_at(operands[1].offset, "only a function takes arguments");
    return operands;
  }

  static bool starts_operand(Token::Kind kind) {
    using enum Token::Kind;
    return kind == identifier || kind == field || kind == dot || kind == variable || kind == literal || kind == open;
  }

  Operand operand(int depth) {
    Token token = take();
    Operand found;
    found.offset = token.offset;
    switch (token.kind) {
      case Token::Kind::identifier:
        if (!is_function(token.text)) throw_at(token.offset, fmt::format("function `{}` is not known", token.text));
        found.kind = Operand::Kind::function;
        found.name = std::move(token.text);
        return found;
      case Token::Kind::field:
        found.fields.push_back(std::move(token.text));
        break;
      case Token::Kind::dot: return found;
      case Token::Kind::variable:
        found.kind = Operand::Kind::variable;
        found.name = std::move(token.text);
        break;
      case Token::Kind::literal:
        found.kind = Operand::Kind::literal;
        found.literal = std::make_shared<const Value>(std::move(token.literal));
        return found;
      default:
        found.kind = Operand::Kind::parenthesis;
        found.inner = std::make_shared<const Pipeline>(pipeline(false, depth + 1));
        if (!take_if(Token::Kind::close)) throw_at(token.offset, "unclosed parenthesis");
    }
    while (peek().kind == Token::Kind::field && !peek().spaced) found.fields.push_back(take().text);
    return found;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

/// What the text consists of: plain text, and actions without their braces.
struct Piece {
  bool is_action = false;
  std::string_view text;
  std::size_t offset = 0;
};

/// The end of an action that starts at `at`: braces within quotes do not count.
std::size_t find_action_end(std::string_view text, std::size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\' && quote != '`') ++at;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (text.substr(at).starts_with("}}")) {
      return at;
    }
  }
  return std::string_view::npos;
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<Piece> split_pieces(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    std::string_view plain = text.substr(at, open == std::string_view::npos ? std::string_view::npos : open - at);
    if (open == std::string_view::npos) {
      pieces.push_back({false, plain, at});
      break;
    }
    std::size_t start = open + 2;
    if (text.substr(start).starts_with('-') && start + 1 < text.size() && is_space(text[start + 1])) {
      plain = trim_end(plain);
      ++start;
    }
    if (!plain.empty()) pieces.push_back({false, plain, at});
    std::size_t comment = start;
    while (comment < text.size() && is_space(text[comment])) ++comment;
    const bool is_comment = text.substr(comment).starts_with("/*");
    std::size_t search = start;
    if (is_comment) {
      search = text.find("*/", comment + 2);
      if (search == std::string_view::npos) throw_at(open, "unclosed comment");
      search += 2;
    }
    const std::size_t close = find_action_end(text, search);
    if (close == std::string_view::npos) throw_at(open, "unclosed action: `}}` is missing");
    std::string_view action = text.substr(start, close - start);
    at = close + 2;
    if (action.size() > 1 && action.back() == '-' && is_space(action[action.size() - 2])) {
      action.remove_suffix(1);
      while (at < text.size() && is_space(text[at])) ++at;
    }
    if (!is_comment) pieces.push_back({true, action, start});
  }
  return pieces;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : pieces_(split_pieces(text)), size_(text.size()) {}

  Nodes parse() {
    auto [nodes, ending] = list(0, false);
    if (ending) throw_at(ending->peek().offset, "`end` or `else` without an `if`, `range` or `with`");
    return std::move(nodes);
  }

 private:
  /// Nodes up to {{end}} or {{else}}, which is handed over; nothing is handed over at the end of the text.
  std::pair<Nodes, std::optional<PipelineParser>> list(int depth, bool in_loop) {
    if (depth > kMaxDepth) throw_at(at_ < pieces_.size() ? pieces_[at_].offset : size_, "blocks are nested too deeply");
    Nodes nodes;
    while (at_ < pieces_.size()) {
      const Piece& piece = pieces_[at_++];
      if (!piece.is_action) {
        nodes.push_back({Node::Kind::text, std::string(piece.text), {}, {}, {}});
        continue;
      }
      PipelineParser action(Lexer(piece.text, piece.offset).tokens());
      const Token& first = action.peek();
      if (first.kind == Token::Kind::identifier && (first.text == "end" || first.text == "else")) return {std::move(nodes), std::move(action)};
      nodes.push_back(node(action, depth, in_loop));
    }
    return {std::move(nodes), std::nullopt};
  }

  Node node(PipelineParser& action, int depth, bool in_loop) {
    const std::size_t offset = action.peek().offset;
    if (action.take_word("if")) return block(Node::Kind::branch, action, offset, depth, in_loop);
    if (action.take_word("with")) return block(Node::Kind::with, action, offset, depth, in_loop);
    if (action.take_word("range")) return block(Node::Kind::range, action, offset, depth, true);
    for (const auto& [word, kind] : {std::pair("break", Node::Kind::leave_loop), std::pair("continue", Node::Kind::next_round)}) {
      if (!action.take_word(word)) continue;
      if (!in_loop) throw_at(offset, fmt::format("`{}` outside of a range", word));
      action.expect_end();
      return {kind, {}, {}, {}, {}};
    }
    for (const char* word : {"define", "template", "block"}) {
      if (action.take_word(word)) throw_at(offset, fmt::format("`{}` is not supported here", word));
    }
    return {Node::Kind::action, {}, whole(action, false), {}, {}};
  }

  static Pipeline whole(PipelineParser& action, bool in_range) {
    Pipeline pipeline = action.pipeline(in_range, 0);
    action.expect_end();
    return pipeline;
  }

  Node block(Node::Kind kind, PipelineParser& action, std::size_t offset, int depth, bool in_loop) {
    Node made{kind, {}, whole(action, kind == Node::Kind::range), {}, {}};
    auto [body, ending] = list(depth + 1, in_loop);
    made.body = std::move(body);
    if (!ending) throw_at(offset, "`end` is missing");
    if (ending->take_word("else")) {
      const std::size_t at = ending->peek().offset;
      for (const auto& [word, next] : {std::pair("if", Node::Kind::branch), std::pair("with", Node::Kind::with)}) {
        if (!ending->take_word(word)) continue;
        made.otherwise.push_back(block(next, *ending, at, depth + 1, in_loop));  // it takes the `end` of both
        return made;
      }
      ending->expect_end();
      std::tie(made.otherwise, ending) = list(depth + 1, in_loop);
      if (!ending) throw_at(offset, "`end` is missing");
    }
    if (!ending->take_word("end")) throw_at(ending->peek().offset, "`else` after an `else`");
    ending->expect_end();
    return made;
  }

  std::vector<Piece> pieces_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace

Nodes parse_nodes(std::string_view text) { return Parser(text).parse(); }

}  // namespace builder::format
