#include "util/sparse.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using Text = util::Sparse<std::string>;
using Names = util::Sparse<std::map<std::string, std::string>>;

TEST_CASE("what was never filled reads as empty and is no larger than a pointer") {
  const Text text;
  CHECK(sizeof text == sizeof(void*));
  CHECK(text.empty());
  CHECK(text == "");
  CHECK(text->size() == 0);
  for ([[maybe_unused]] const auto& entry : Names()) CHECK(false);
}

TEST_CASE("a sparse value is set, changed, compared and cleared as the value itself") {
  Text text = "one";
  CHECK(text == "one");
  text = std::string("two");
  text.edit() += "!";
  const std::string& read = text;
  CHECK(read == "two!");
  CHECK(text == Text("two!"));
  CHECK_FALSE(text == Text());
  text = "";
  CHECK(text.empty());
  CHECK(text == Text());
  text = "x";
  text.clear();
  CHECK(text.empty());
}

TEST_CASE("copies are apart, and what was moved from is empty") {
  Names names;
  names.edit()["a"] = "1";
  Names copy = names;
  copy.edit()["a"] = "2";
  CHECK(names->at("a") == "1");
  CHECK_FALSE(names == copy);
  const Names moved = std::move(names);
  CHECK(moved->size() == 1);
  CHECK(names.empty());
}
