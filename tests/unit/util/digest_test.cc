#include "util/digest.h"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

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

TEST_CASE("data taken into two hashes at once gives the digests that it gives each of them") {
  std::string text(3000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 131 + i / 7);
  const auto bytes = [&](std::size_t from, std::size_t size) {
    return std::as_bytes(std::span(text)).subspan(from, size);
  };
  // What both had before, what only the second had, and how long the common part is.
  for (std::size_t before : {0, 1, 63, 64, 1500}) {
    for (std::size_t more : {0, 1, 64, 512, 1100}) {
      for (std::size_t common : {0, 1, 255, 256, 257, 319, 320, 1471, 3000}) {
        CAPTURE(before);
        CAPTURE(more);
        CAPTURE(common);
        util::Sha256 first, second;
        first.update(bytes(0, before));
        second.update(bytes(0, before));
        second.update(bytes(7, more));
        util::update_both(first, second, bytes(0, common));
        util::update_both(first, second, bytes(0, common / 2));
        first.update(bytes(9, 99));
        second.update(bytes(9, 99));
        const std::string both = text.substr(0, common) + text.substr(0, common / 2) + text.substr(9, 99);
        CHECK(first.finish() == util::sha256_of(text.substr(0, before) + both));
        CHECK(second.finish() == util::sha256_of(text.substr(0, before) + text.substr(7, more) + both));
      }
    }
  }
}

TEST_CASE("the length of what was taken in pairs is counted beyond 512 MB") {
  const std::vector<std::byte> block(std::size_t{64} << 20, std::byte{7});
  util::Sha256 first, second, alone;
  for (int i = 0; i < 9; ++i) {
    util::update_both(first, second, block);
    alone.update(block);
  }
  const util::Digest expected = alone.finish();
  CHECK(first.finish() == expected);
  CHECK(second.finish() == expected);
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
