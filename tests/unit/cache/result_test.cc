#include "cache/result.h"

#include <doctest/doctest.h>

TEST_CASE("a chain id depends on the layers and on their order") {
  util::Digest a = util::sha256_of("a");
  util::Digest b = util::sha256_of("b");
  CHECK(cache::chain_id({{a, b}, nullptr}) == cache::chain_id({{a, b}, nullptr}));
  CHECK(cache::chain_id({{a, b}, nullptr}) != cache::chain_id({{b, a}, nullptr}));
  CHECK(cache::chain_id({{a}, nullptr}) != cache::chain_id({{a, a}, nullptr}));
}

TEST_CASE("the recipe of chain ids is pinned") {
  CHECK(cache::chain_id({}).to_string() == "sha256:7e4c963c247734922c8e07aa5b7f5a5d1feb00da78d0bd5c42e85f14373688ef");
  CHECK(cache::chain_id({{util::sha256_of("a")}, nullptr}).to_string() == "sha256:3c7108dd41e84c544feed94195dad5dde7d2057e0a433f490e3671ed401d4bb6");
}
