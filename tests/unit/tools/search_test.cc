#include "tools/images/search.h"

#include <doctest/doctest.h>

#include "tools/builder/usage_error.h"
#include "util/error.h"

using builder::parse_search_answer;
using builder::parse_search_filters;
using builder::search_query;

TEST_CASE("A term alone asks Docker Hub, one with a registry in front that registry") {
  CHECK(search_query("nginx", std::nullopt).url == "https://index.docker.io/v1/search?q=nginx");
  CHECK(search_query("nginx", 5).url == "https://index.docker.io/v1/search?q=nginx&n=5");
  CHECK(search_query("me/nginx", std::nullopt).url == "https://index.docker.io/v1/search?q=me%2Fnginx");
  CHECK(search_query("docker.io/library/nginx", std::nullopt).url == "https://index.docker.io/v1/search?q=nginx");
  CHECK(search_query("registry.company.com:5000/app", std::nullopt).url ==
        "https://registry.company.com:5000/v1/search?q=app");
  CHECK(search_query("localhost:5000/a b&n=1", std::nullopt).url == "http://localhost:5000/v1/search?q=a%20b%26n%3D1");
}

TEST_CASE("A search for nothing and an impossible limit are wrong usage") {
  CHECK_THROWS_AS(search_query("", std::nullopt), builder::UsageError);
  CHECK_THROWS_AS(search_query("localhost:5000/", std::nullopt), builder::UsageError);
  CHECK_THROWS_AS(search_query("x", 0), builder::UsageError);
  CHECK_THROWS_AS(search_query("x", 101), builder::UsageError);
}

TEST_CASE("An answer is read leniently, but must be one") {
  const builder::SearchQuery hub = search_query("x", 2);
  const auto found =
      parse_search_answer(R"({"results":[{"name":"a","description":null,"star_count":3,"is_official":true},
    {"name":"b","star_count":"many"},{"description":"no name"},7,{"name":"c"}]})",
                          hub);
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "a");
  CHECK(found[0].stars == 3);
  CHECK(found[0].official);
  CHECK(found[1].stars == 0);
  CHECK(parse_search_answer(R"({"results":null})", hub).empty());
  CHECK(parse_search_answer(R"({"results":[{"name":"a"}]})", search_query("localhost:1/x", std::nullopt))[0].name ==
        "localhost:1/a");
  for (const char* text : {"", "<html>", "[]", "{}", "7", R"({"results":{}})"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_search_answer(text, hub), util::Error);
  }
}

TEST_CASE("Results are filtered by stars and by being official") {
  const builder::SearchResult popular{"a", "", 100, true, false}, unknown{"b", "", 0, false, false};
  CHECK(parse_search_filters({}).accepts(unknown));
  CHECK(parse_search_filters({"stars=100"}).accepts(popular));
  CHECK_FALSE(parse_search_filters({"stars=1"}).accepts(unknown));
  CHECK_FALSE(parse_search_filters({"is-official=true"}).accepts(unknown));
  CHECK_FALSE(parse_search_filters({"is-official=false"}).accepts(popular));
  for (const char* filter : {"stars=x", "stars", "is-official=maybe", "color=red"}) {
    CAPTURE(filter);
    CHECK_THROWS_AS(parse_search_filters({filter}), util::Error);
  }
}
