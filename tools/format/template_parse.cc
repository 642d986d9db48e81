#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "tools/format/template_lexer.h"
#include "tools/format/template_tree.h"
#include "util/error.h"
#include "util/text.h"

namespace builder::format {
namespace {

constexpr int kMaxDepth = 100;

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
      case Token::Kind::dot:
        return found;
      case Token::Kind::variable:
        found.kind = Operand::Kind::variable;
        found.name = std::move(token.text);
        break;
      case Token::Kind::literal:
        found.kind = Operand::Kind::literal;
        found.literal = std::move(token.literal);
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
      if (c == '\\' && quote != '`')
        ++at;
      else if (c == quote)
        quote = 0;
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
      PipelineParser action(tokens_of(piece.text, piece.offset));
      const Token& first = action.peek();
      if (first.kind == Token::Kind::identifier && (first.text == "end" || first.text == "else"))
        return {std::move(nodes), std::move(action)};
      nodes.push_back(node(action, depth, in_loop));
    }
    return {std::move(nodes), std::nullopt};
  }

  Node node(PipelineParser& action, int depth, bool in_loop) {
    const std::size_t offset = action.peek().offset;
    if (action.take_word("if")) return block(Node::Kind::branch, action, offset, depth, in_loop);
    if (action.take_word("with")) return block(Node::Kind::with, action, offset, depth, in_loop);
    if (action.take_word("range")) return block(Node::Kind::range, action, offset, depth, true);
    for (const auto& [word, kind] :
         {std::pair("break", Node::Kind::leave_loop), std::pair("continue", Node::Kind::next_round)}) {
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

Nodes parse_nodes(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace builder::format
