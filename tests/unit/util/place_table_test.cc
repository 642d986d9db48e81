#include "util/place_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "tests/support/test_dir.h"
#include "util/error.h"

using util::PlaceSlot;
using util::PlaceTable;

namespace {

struct Keys {
  std::uint32_t tags;  ///< how many different ones
  std::uint32_t tag(std::uint32_t key) const { return key % tags * 2'654'435'761U; }
};

}  // namespace

TEST_CASE("places are found again whether they are in memory or in the file, with tags that many share") {
  const test::TestDir directory;
  for (const std::filesystem::path& file : {std::filesystem::path(), directory.path()}) {
    for (const Keys keys : {Keys{1'000'000}, Keys{40'000}}) {
      CAPTURE(keys.tags);
      constexpr std::uint32_t kCount = 200'000, kMoved = 1'000'000;
      PlaceTable table(file);
      const auto is = [](std::uint32_t key) { return [key](std::uint32_t place) { return (place - 1) % kMoved == key; }; };
      for (std::uint32_t key = 0; key != kCount; ++key) table.add(keys.tag(key), key + 1);
      for (std::uint32_t key = 0; key < kCount; key += 7) table.put(keys.tag(key), key + 1 + kMoved, is(key));
      for (std::uint32_t key = kCount; key < kCount + 10; ++key) table.put(keys.tag(key), key + 1, is(key));
      for (std::uint32_t key = 0; key < kCount; ++key) {
        if (table.find(keys.tag(key), is(key)) != (key % 7 == 0 ? key + 1 + kMoved : key + 1)) FAIL("lost " << key);
      }
      CHECK(table.find(keys.tag(kCount + 9), is(kCount + 9)) == kCount + 10);
      CHECK_FALSE(table.find(keys.tag(kCount + 10), is(kCount + 10)));
    }
  }
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a settled table is read as find_slot and segment_start expect it, and goes on") {
  const test::TestDir directory;
  std::mt19937 random(3);
  PlaceTable table(directory.path());
  CHECK(table.settle() == 8);
  std::vector<PlaceSlot> put;
  for (const std::size_t count : {4U, 5U, 4096U, 4097U, 65'536U, 65'537U, 80'000U, 180'000U}) {
    CAPTURE(count);
    while (put.size() != count) {
      put.push_back({static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(put.size() + 1)});
      table.add(put.back().tag, put.back().place);
    }
    const std::size_t size = table.settle();
    CHECK(size >= 2 * count);
    std::vector<PlaceSlot> slots;
    table.read([&](std::span<const PlaceSlot> piece) { slots.insert(slots.end(), piece.begin(), piece.end()); });
    REQUIRE(slots.size() == size);
    CHECK(std::ranges::count(slots, 0U, &PlaceSlot::place) == static_cast<std::ptrdiff_t>(size - count));
    for (const PlaceSlot& wanted : put) {
      const std::span segment = std::span<const PlaceSlot>(slots).subspan(util::segment_start(wanted.tag, size), std::min(size, util::kPlaceSegment));
      const auto at = util::find_slot(segment, wanted.tag, [&](std::uint32_t place) { return place == wanted.place; });
      if (!at || segment[*at].place != wanted.place) FAIL("lost " << wanted.place);
    }
  }
}

TEST_CASE("tags made to be alike fill their segment and nothing else") {
  const test::TestDir directory;
  PlaceTable table(directory.path());
  for (std::uint32_t place = 1; place <= 40'000; ++place) table.add(place % 8192, place);
  table.add(0xffff'0000, 7);
  CHECK(table.settle() >= 65'536);
  CHECK(table.find(0xffff'0000, [](std::uint32_t place) { return place == 7; }) == 7);
  CHECK(table.find(10, [](std::uint32_t place) { return place == 10; }) == 10);
  CHECK_FALSE(table.find(10, [](std::uint32_t) { return false; }));
}

TEST_CASE("a table whose file cannot be made says so") {
  const test::TestDir directory;
  PlaceTable table(directory / "missing");
  const auto fill = [&] {
    for (std::uint32_t place = 1; place < 70'000; ++place) table.add(place, place);
  };
  CHECK_THROWS_AS(fill(), util::Error);
}
