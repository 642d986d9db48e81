#include "solver/key_chain.h"

#include <doctest/doctest.h>

using solver::KeyInput;

namespace {
const util::Digest kOp = util::sha256_of("op");
const util::Digest kA = util::sha256_of("a");
const util::Digest kB = util::sha256_of("b");
}  // namespace

TEST_CASE("the chain key goes by chain ids, and by content only where there is no chain id") {
  const KeyInput chain{kA, {}, ""}, both{kA, kB, ""}, content{{}, kB, ""}, other{{}, kA, ""};
  CHECK(solver::chain_key(kOp, std::vector{chain}) == solver::chain_key(kOp, std::vector{both}));
  CHECK(solver::chain_key(kOp, std::vector{chain}) != solver::chain_key(kOp, std::vector{content}));
  CHECK(solver::chain_key(kOp, std::vector{chain}) != solver::chain_key(kOp, std::vector{other}));
}

TEST_CASE("the content key goes by content where it is known") {
  const KeyInput one{kA, kB, ""}, two{kOp, kB, ""}, unknown{kA, {}, ""};
  CHECK(solver::content_key(kOp, std::vector{one}) == solver::content_key(kOp, std::vector{two}));
  CHECK(solver::content_key(kOp, std::vector{one}) != solver::content_key(kOp, std::vector{unknown}));
}

TEST_CASE("selectors, the op and the order of inputs count") {
  const KeyInput a{kA, {}, ""}, b{kB, {}, ""}, selected{kA, {}, "/etc"};
  CHECK(solver::chain_key(kOp, std::vector{a}) != solver::chain_key(kOp, std::vector{selected}));
  CHECK(solver::chain_key(kOp, std::vector{a}) != solver::chain_key(kA, std::vector{a}));
  CHECK(solver::chain_key(kOp, std::vector{a, b}) != solver::chain_key(kOp, std::vector{b, a}));
}

TEST_CASE("the two recipes never give the same key") {
  const KeyInput a{kA, {}, ""};
  CHECK(solver::chain_key(kOp, std::vector{a}) != solver::content_key(kOp, std::vector{a}));
}

TEST_CASE("recipes are pinned") {
  const KeyInput input{kA, kB, "/etc"};
  CHECK(solver::chain_key(kOp, std::vector{input}).short_hex() == "6f2b2822a87d");
  CHECK(solver::content_key(kOp, std::vector{input}).short_hex() == "a12c9482cf9e");
}
