#include "oci/listing_reader.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/support/listing_text.h"
#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

std::vector<oci::LayerEntry> read_all(const std::filesystem::path& file) {
  oci::ListingReader reader(file);
  std::vector<oci::LayerEntry> entries;
  for (oci::LayerEntry entry; reader.next(entry);) entries.push_back(entry);
  return entries;
}

/// Thousands, and some that are larger than what is read at a time.
std::vector<oci::LayerEntry> many_entries() {
  std::vector<oci::LayerEntry> entries;
  for (int i = 0; i < 5000; ++i) {
    oci::LayerEntry& entry = entries.emplace_back();
    entry.path = fmt::format("directory/{:06}", i);
    entry.size = static_cast<std::uint64_t>(i);
    entry.content = util::sha256_of(entry.path);
    if (i % 1000 == 7) entry.xattrs.edit()["user.large"] = std::string(static_cast<std::size_t>(i) * 100, 'x');
  }
  return entries;
}

}  // namespace

TEST_CASE("a listing that is read piece by piece is the one that was written") {
  const test::TestDir directory;
  for (const std::vector<oci::LayerEntry>& entries : {std::vector<oci::LayerEntry>(), many_entries()}) {
    const std::string text = test::listing_text(entries);
    directory.write("listing", text);
    CHECK(test::listing_text(read_all(directory / "listing")) == text);
  }
}

TEST_CASE("a listing that is not whole is refused before anything of it is given") {
  const test::TestDir directory;
  const std::string text = test::listing_text(many_entries());
  CHECK_THROWS_AS(oci::ListingReader(directory / "none"), util::Error);
  for (const std::size_t size : {std::size_t{0}, std::size_t{40}, text.size() / 2, text.size() - 1}) {
    directory.write("listing", text.substr(0, size));
    CHECK_THROWS_AS(oci::ListingReader(directory / "listing"), util::Error);
  }
  std::string changed = text;
  changed[changed.size() / 2] ^= 1;
  directory.write("listing", changed);
  CHECK_THROWS_AS(oci::ListingReader(directory / "listing"), util::Error);
}
