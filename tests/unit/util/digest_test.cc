#include "util/digest.h"

#include <doctest/doctest.h>

#include <string>
#include <unordered_map>

#include "util/error.h"

using util::Digest;

namespace {
const std::string kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
}

TEST_CASE("SHA-256 of known texts") {
  CHECK(util::sha256_of("abc").hex() == kAbc);
  CHECK(util::sha256_of("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  util::Sha256 hash;
  hash.update(std::string_view("a"));
  util::Sha256 moved = std::move(hash);
  moved.update(std::string_view("bc"));
  CHECK(moved.finish().to_string() == "sha256:" + kAbc);
}

TEST_CASE("a digest is taken apart") {
  Digest digest = Digest::parse("sha256:" + kAbc);
  CHECK(digest.algorithm() == "sha256");
  CHECK(digest.hex() == kAbc);
  CHECK(digest.short_hex() == "ba7816bf8f01");
  CHECK(digest == Digest::sha256(kAbc));
  CHECK(Digest::parse("sha512:" + std::string(128, 'f')).algorithm() == "sha512");
  CHECK(Digest().empty());
  CHECK_FALSE(Digest());
  CHECK(Digest().algorithm().empty());
  CHECK(Digest().hex().empty());
}

TEST_CASE("texts that are no digests are refused") {
  for (std::string text :
       {std::string(), std::string("sha256:"), kAbc, "sha256:" + kAbc + "0", "sha256:" + kAbc.substr(1),
        "sha256:" + std::string(64, 'A'), "sha256:" + std::string(64, 'g'), "sha512:" + kAbc, "md5:" + kAbc,
        "sha256-" + kAbc, "sha256:../" + kAbc.substr(3)}) {
    CAPTURE(text);
    CHECK_FALSE(Digest::find(text));
    CHECK_THROWS_AS((void)Digest::parse(text), util::Error);
  }
  CHECK_THROWS_AS((void)Digest::sha256("xyz"), util::Error);
}

TEST_CASE("digests are map keys") {
  std::unordered_map<Digest, int> map;
  map[util::sha256_of("a")] = 1;
  map[util::sha256_of("b")] = 2;
  CHECK(map.at(util::sha256_of("a")) == 1);
  CHECK(map.size() == 2);
}

TEST_CASE("the recipe of the key hash is pinned") {
  // Changing this invalidates every cache.
  util::Hasher hasher("test/1");
  hasher.field("name", "value").number("count", -7).field("digest", util::sha256_of("abc"));
  CHECK(hasher.finish() == util::sha256_of("6:6:recipetest/14:5:namevalue5:2:count-76:71:digestsha256:" + kAbc));
}

TEST_CASE("fields do not run into each other") {
  auto hash = [](std::string_view a, std::string_view b, std::string_view c, std::string_view d) {
    return util::Hasher("r").field(a, b).field(c, d).finish();
  };
  CHECK(hash("x", "ab", "y", "c") != hash("x", "a", "y", "bc"));
  CHECK(hash("x", "ab", "y", "c") != hash("xa", "b", "y", "c"));
  CHECK(util::Hasher("r").field("x", "").finish() != util::Hasher("r").finish());
  CHECK(util::Hasher("r1").finish() != util::Hasher("r2").finish());
}

TEST_CASE("many and long fields are hashed as they would be one by one") {
  util::Hasher hasher("r");
  std::string all = "6:1:reciper";
  for (int i = 0; i < 3000; ++i) {
    const std::string value(static_cast<std::size_t>(i % 7000 * (i % 100 == 0 ? 40 : 1) % 5000), 'v');
    hasher.field("label", value);
    all += "5:" + std::to_string(value.size()) + ":label" + value;
  }
  CHECK(hasher.finish() == util::sha256_of(all));
}
