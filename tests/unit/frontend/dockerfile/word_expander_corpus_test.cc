#include <map>
#include <set>

#include "frontend/dockerfile/word_expander.h"
#include "tests/unit/frontend/dockerfile/corpus.h"
#include "util/error.h"

using namespace dockerfile;

namespace {

Environment environment_of(const nlohmann::json& list) {
  Environment environment;
  if (list.is_object()) {
    for (const auto& [name, value] : list.items()) environment.set(name, value);
    return environment;
  }
  for (const std::string item : list) {
    std::size_t equals = item.find('=');
    environment.set(item.substr(0, equals), item.substr(equals + 1));
  }
  return environment;
}

std::optional<Expansion> try_expand(const std::string& word, const Environment& environment) {
  try {
    return expand(word, environment);
  } catch (const util::Error&) {
    return std::nullopt;
  }
}

}  // namespace

TEST_SUITE_BEGIN("corpus");

TEST_CASE("words expand as in the table of single words") {
  if (!corpus::present("shell/env-var.json")) return;
  nlohmann::json table = corpus::read_json("shell/env-var.json");
  Environment environment = environment_of(table["env"]);
  // Rows for another operating system repeat an input with another result; one of them must hold.
  std::map<std::string, std::vector<nlohmann::json>> rows;
  for (const auto& row : table["cases"]) rows[row["input"]].push_back(row);
  for (const auto& [input, expected] : rows) {
    CAPTURE(input);
    std::optional<Expansion> actual = try_expand(input, environment);
    bool holds = false;
    for (const auto& row : expected) {
      bool same = row.contains("result") ? actual && actual->text == row["result"].get<std::string>() : !actual;
      holds = holds || same;
    }
    CAPTURE(expected[0].dump());
    CAPTURE((actual ? actual->text : "error"));
    CHECK(holds);
  }
}

TEST_CASE("words expand, and name what they used, as in the table of substitutions") {
  if (!corpus::present("shell/substitution.json")) return;
  nlohmann::json table = corpus::read_json("shell/substitution.json");
  for (const auto& row : table.at("cases")) {
    CAPTURE(row.dump());
    std::string input = row["input"];
    Environment environment = environment_of(row["env"]);
    std::optional<Expansion> actual = try_expand(input, environment);
    // The table leaves out that these fail: nothing is asserted about them upstream but the empty result.
    bool mandatory = input.starts_with("${VAR") && row["result"] == "";
    if (mandatory) {
      std::optional<std::string> value = environment.find("VAR");
      bool allowed = value && (!value->empty() || input[5] == '?');
      CHECK(actual.has_value() == allowed);
      continue;
    }
    REQUIRE(actual.has_value() == !row.contains("error"));
    if (!actual) continue;
    CHECK(actual->text == row["result"].get<std::string>());
    if (row.contains("matched")) CHECK(actual->used == row["matched"].get<std::set<std::string>>());
    if (row.contains("unmatched")) {
      CHECK(std::set<std::string>(actual->undefined.begin(), actual->undefined.end()) ==
            row["unmatched"].get<std::set<std::string>>());
    }
  }
}

TEST_CASE("words fall apart after expansion as in the table of word lists") {
  if (!corpus::present("shell/words.json")) return;
  nlohmann::json table = corpus::read_json("shell/words.json");
  for (const auto& row : table.at("cases")) {
    CAPTURE(row.dump());
    Environment environment = environment_of(row["env"]);
    std::string input = row["input"];
    if (row.contains("error")) {
      CHECK_THROWS_AS(expand_words(input, environment), util::Error);
    } else {
      CHECK(expand_words(input, environment) == row["words"].get<std::vector<std::string>>());
    }
  }
}

TEST_SUITE_END();
