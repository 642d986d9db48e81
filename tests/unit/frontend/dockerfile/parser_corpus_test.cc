#include <algorithm>
#include <chrono>
#include <set>

#include "frontend/dockerfile/dockerignore.h"
#include "frontend/dockerfile/expose.h"
#include "frontend/dockerfile/heredoc.h"
#include "frontend/dockerfile/json_form.h"
#include "frontend/dockerfile/syntax_tree.h"
#include "frontend/dockerfile/words.h"
#include "tests/unit/frontend/dockerfile/builders.h"
#include "tests/unit/frontend/dockerfile/corpus.h"
#include "util/pattern.h"
#include "util/text.h"

using namespace dockerfile;

namespace {

/// One instruction as the corpus writes it: (name ["--flag"] "argument" ... (trigger)).
std::string dump(const SyntaxNode& node) {
  std::string text = "(" + util::to_lower(node.name);
  if (!node.flags.empty()) {
    std::vector<std::string> flags;
    for (const std::string& flag : node.flags) flags.push_back(util::quote(flag));
    text += " [" + util::join(flags, " ") + "]";
  }
  for (const SyntaxNode& trigger : node.trigger) text += " " + dump(trigger);
  for (const std::string& arg : node.args) text += " " + util::quote(arg);
  return text + ")";
}

std::string dump(const SyntaxTree& tree) {
  std::string text;
  for (const SyntaxNode& node : tree.nodes) text += dump(node) + "\n";
  return text;
}

void check_heredoc(const Heredoc& actual, const nlohmann::json& expected) {
  CHECK(actual.name == expected["name"].get<std::string>());
  CHECK(actual.content == expected["content"].get<std::string>());
  CHECK(actual.expand == expected["expand"].get<bool>());
  CHECK(actual.chomp == expected["chomp"].get<bool>());
  CHECK(actual.fd == expected["fd"].get<int>());
}

}  // namespace

TEST_SUITE_BEGIN("corpus");

TEST_CASE("the syntax trees are those of the corpus") {
  if (!corpus::present("parser/positive")) return;
  for (const auto& entry : std::filesystem::directory_iterator(corpus::path("parser/positive"))) {
    CAPTURE(entry.path().filename().string());
    CHECK(dump(parse_syntax(test::source(corpus::read(entry.path() / "Dockerfile")))) ==
          corpus::read(entry.path() / "result"));
  }
}

TEST_CASE("what the corpus says is no Dockerfile is refused") {
  if (!corpus::present("parser/negative")) return;
  for (const auto& entry : std::filesystem::directory_iterator(corpus::path("parser/negative"))) {
    CAPTURE(entry.path().filename().string());
    CHECK_THROWS_AS(parse_syntax(test::source(corpus::read(entry.path() / "Dockerfile"))), ParseError);
  }
}

TEST_CASE("instructions begin and end at the lines the corpus gives") {
  if (!corpus::present("parser/lines")) return;
  SyntaxTree tree = parse_syntax(test::source(corpus::read(corpus::path("parser/lines/Dockerfile"))));
  nlohmann::json expected = corpus::read_json("parser/lines/expected.json");
  CHECK(tree.nodes.front().range.first == expected["file"][0]);
  CHECK(tree.nodes.back().range.last == expected["file"][1]);
  REQUIRE(tree.nodes.size() == expected["instructions"].size());
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    CHECK(tree.nodes[i].range.first == expected["instructions"][i][0]);
    CHECK(tree.nodes[i].range.last == expected["instructions"][i][1]);
  }
}

TEST_CASE("words are split as in the corpus") {
  if (!corpus::present("parser/words.json")) return;
  for (const auto& row : corpus::read_json("parser/words.json")) {
    CAPTURE(row.dump());
    CHECK(split_words(row["input"].get<std::string>(), '\\') == row["words"].get<std::vector<std::string>>());
  }
}

TEST_CASE("JSON forms are read as in the corpus") {
  if (!corpus::present("parser/json-arrays.json")) return;
  nlohmann::json tables = corpus::read_json("parser/json-arrays.json");
  for (const auto& row : tables["valid"]) {
    CAPTURE(row.dump());
    auto words = parse_json_form(row["input"].get<std::string>());
    REQUIRE(words);
    CHECK(*words == row["words"].get<std::vector<std::string>>());
  }
  for (const auto& row : tables["invalid"]) {
    CAPTURE(row.dump());
    CHECK_THROWS_AS(parse_json_form(row.get<std::string>()), util::Error);
  }
}

TEST_CASE("directives are found as in the corpus") {
  if (!corpus::present("parser/directives.json")) return;
  for (const auto& row : corpus::read_json("parser/directives.json")) {
    CAPTURE(row.dump());
    std::string text = row["text"];
    auto found = row["directive"] == "syntax" ? find_syntax(text) : find_check(text);
    REQUIRE(found.has_value() == row["found"].get<bool>());
    if (!found) continue;
    CHECK(found->value == row["value"].get<std::string>());
    if (row.contains("full")) CHECK(found->full == row["full"].get<std::string>());
    if (row.contains("line")) CHECK(found->line == row["line"].get<int>());
  }
}

TEST_CASE("here-documents are found as in the corpus") {
  if (!corpus::present("parser/heredocs.json")) return;
  nlohmann::json tables = corpus::read_json("parser/heredocs.json");
  SyntaxTree tree = parse_syntax(test::source(tables["dockerfile"]));
  std::size_t first = tables["first_instruction"];
  const nlohmann::json& expected = tables["heredocs_per_instruction"];
  REQUIRE(tree.nodes.size() == first + expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const SyntaxNode& node = tree.nodes[first + i];
    CAPTURE(node.original);
    REQUIRE(node.heredocs.size() == expected[i].size());
    for (std::size_t j = 0; j < expected[i].size(); ++j) check_heredoc(node.heredocs[j], expected[i][j]);
  }
  for (const std::string word : tables["words"]["valid_named_EOF"]) {
    CAPTURE(word);
    REQUIRE(parse_heredoc(word));
    CHECK(parse_heredoc(word)->name == "EOF");
  }
  for (const std::string word : tables["words"]["invalid"]) CHECK_THROWS_AS(parse_heredoc(word), util::Error);
  for (const std::string word : tables["words"]["not_heredocs"]) {
    CAPTURE(word);
    CHECK_FALSE(parse_heredoc(word));
  }
  for (const auto& row : tables["lines"]) {
    CAPTURE(row.dump());
    std::vector<std::string> names;
    for (const Heredoc& heredoc : heredocs_in_line(row["line"].get<std::string>())) names.push_back(heredoc.name);
    CHECK(names == row["names"].get<std::vector<std::string>>());
  }
}

TEST_CASE("empty continuation lines are warned about as in the corpus") {
  if (!corpus::present("parser/empty-continuation.json")) return;
  for (const auto& row : corpus::read_json("parser/empty-continuation.json")) {
    std::vector<Warning> warnings = test::warnings_of(row["dockerfile"]);
    REQUIRE(warnings.size() == row["warnings"].size());
    for (std::size_t i = 0; i < warnings.size(); ++i) {
      CHECK(warnings[i].rule == "NoEmptyContinuation");
      for (const std::string part : row["warnings"][i]["contains"]) {
        CAPTURE(warnings[i].message);
        CHECK(warnings[i].message.find(part) != std::string::npos);
      }
    }
  }
}

TEST_CASE("malformed instructions fail with the messages of the corpus") {
  if (!corpus::present("instructions/errors.json")) return;
  for (const auto& row : corpus::read_json("instructions/errors.json")) {
    CAPTURE(row.dump());
    std::string message = test::parse_error("FROM scratch\n" + row["dockerfile"].get<std::string>());
    CAPTURE(message);
    CHECK(message.find(row["error"].get<std::string>()) != std::string::npos);
  }
}

TEST_CASE("COPY takes here-documents as in the corpus") {
  if (!corpus::present("instructions/copy-heredoc.json")) return;
  for (const auto& row : corpus::read_json("instructions/copy-heredoc.json")) {
    CAPTURE(row.dump());
    auto copy = test::typed<CopyInstruction>(row["dockerfile"]);
    CHECK(copy.destination == row["dest"].get<std::string>());
    CHECK(copy.sources == row["sources"].get<std::vector<std::string>>());
    REQUIRE(copy.heredocs.size() == row["inline"].size());
    for (std::size_t i = 0; i < copy.heredocs.size(); ++i) {
      CHECK(copy.heredocs[i].name == row["inline"][i]["name"].get<std::string>());
      CHECK(copy.heredocs[i].content == row["inline"][i]["data"].get<std::string>());
      CHECK(copy.heredocs[i].expand == row["inline"][i]["expand"].get<bool>());
    }
  }
}

TEST_CASE("RUN takes here-documents as in the corpus") {
  if (!corpus::present("instructions/run-heredoc.json")) return;
  for (const auto& row : corpus::read_json("instructions/run-heredoc.json")) {
    CAPTURE(row.dump());
    CommandLine command = test::typed<RunInstruction>(row["dockerfile"]).command;
    CHECK(command.exec_form == !row["shell"].get<bool>());
    CHECK(command.args == row["command"].get<std::vector<std::string>>());
    REQUIRE(command.heredocs.size() == row["files"].size());
    for (std::size_t i = 0; i < command.heredocs.size(); ++i) {
      const nlohmann::json& file = row["files"][i];
      std::string data = file["data"];
      CHECK(command.heredocs[i].name == file["name"].get<std::string>());
      CHECK(command.heredocs[i].content == (file["chomp"].get<bool>() ? strip_leading_tabs(data) : data));
    }
  }
}

TEST_CASE("EXPOSE words give the ports of the corpus") {
  if (!corpus::present("instructions/expose-ports.json")) return;
  for (const auto& row : corpus::read_json("instructions/expose-ports.json")) {
    CAPTURE(row.dump());
    std::vector<std::string> ports;
    std::string error;
    try {
      std::vector<Warning> warnings;
      for (const std::string word : row["specs"]) {
        for (std::string& port : parse_expose(word, {}, warnings)) ports.push_back(port);
      }
    } catch (const util::Error& caught) {
      error = caught.message();
    }
    if (!row.contains("error")) {
      CHECK(error.empty());
      CHECK(ports == row["ports"].get<std::vector<std::string>>());
    } else if (row["error"].is_string()) {
      CHECK(error == row["error"].get<std::string>());
    } else {
      CHECK_FALSE(error.empty());
    }
  }
}

TEST_CASE("ignore files give the patterns of the corpus, and a lone ! is refused") {
  if (!corpus::present("dockerignore/ignorefile.json")) return;
  for (const auto& row : corpus::read_json("dockerignore/ignorefile.json")) {
    CAPTURE(row.dump());
    std::string content = row["content"];
    auto patterns = row["patterns"].get<std::vector<std::string>>();
    CHECK(util::read_ignore_file(content) == patterns);
    if (std::find(patterns.begin(), patterns.end(), "!") != patterns.end()) {
      CHECK_THROWS_AS(parse_dockerignore(content), util::Error);
    } else {
      CHECK(parse_dockerignore(content) == patterns);
    }
  }
}

TEST_CASE("all Dockerfiles that people build parse, and quickly") {
  if (!corpus::present("real/index.json")) return;
  std::size_t bytes = 0;
  std::size_t files = 0;
  auto before = std::chrono::steady_clock::now();
  for (const auto& row : corpus::read_json("real/index.json")) {
    std::string name = row["file"];
    CAPTURE(name);
    std::string text = corpus::read(corpus::path("real/" + name));
    bytes += text.size();
    ++files;
    Dockerfile parsed;
    REQUIRE_NOTHROW(parsed = test::parse(text));
    std::set<std::string> names;
    for (std::size_t i = 0; i < parsed.stages.size(); ++i) {
      const auto& from = std::get<FromInstruction>(parsed.stages[i].from.value);
      names.insert(from.stage_name);
    }
    for (const auto& target : row["targets"]) {
      std::string stage = target.is_string() ? target.get<std::string>() : target.value("name", std::string());
      if (!stage.empty() && stage != "default") CHECK(names.contains(stage));
    }
  }
  auto time = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before).count();
  MESSAGE(files << " files, " << bytes << " bytes, " << time << " ms");
}

TEST_SUITE_END();
