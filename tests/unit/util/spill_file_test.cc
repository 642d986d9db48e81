#include "util/spill_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

std::string get(const util::SpillFile& file, std::uint64_t position, std::size_t size) {
  std::string text(size, '?');
  file.get(position, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace

TEST_CASE("what is put into a spill file comes back, also after it was replaced; the directory stays empty") {
  const test::TestDir directory;
  util::SpillFile file(directory.path());
  const auto first = file.put(util::as_bytes("first"));
  const auto second = file.put(util::as_bytes("second"));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(get(file, *first, 5) == "first");
  CHECK(get(file, *second, 6) == "second");
  CHECK(file.put_again(*first, util::as_bytes("FIRST")));
  CHECK(get(file, *first, 5) == "FIRST");
  CHECK(get(file, *second, 6) == "second");
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK_THROWS_AS(get(file, *second, 100), util::Error);
}

TEST_CASE("where no file can be made nothing is taken") {
  CHECK_FALSE(util::SpillFile({}).put(util::as_bytes("x")));
  const test::TestDir directory;
  util::SpillFile file(directory / "missing");
  CHECK_FALSE(file.put(util::as_bytes("x")));
  std::filesystem::create_directory(directory / "missing");
  CHECK_FALSE(file.put(util::as_bytes("x")));
}
