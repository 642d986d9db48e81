#include "cache/blob_flusher.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "tests/support/test_dir.h"
#include "util/fd.h"
#include "util/fs.h"

namespace {

constexpr std::uint64_t kSmall = 7;
constexpr std::uint64_t kLarge = std::uint64_t{1} << 30;  // only said, not written

}  // namespace

TEST_CASE("files are flushed and stay") {
  test::TestDir directory;
  cache::BlobFlusher flusher;
  for (const char* name : {"a", "b", "c"}) {
    directory.write(name, "content");
    flusher.add(util::open_file(directory / name, O_WRONLY), directory / name, *name == 'b' ? kLarge : kSmall);
  }
  flusher.wait();
  for (const char* name : {"a", "b", "c"}) CHECK(util::read_file(directory / name) == "content");
}

TEST_CASE("what the disk does not take is dropped, and who waits is told") {
  for (const std::uint64_t size : {kSmall, kLarge}) {
    test::TestDir directory;
    directory.write("good", "content");
    directory.write("bad", "content");
    cache::BlobFlusher flusher;
    // A pipe cannot be flushed: EINVAL.
    flusher.add(std::move(util::Pipe::open().write), directory / "bad", size);
    flusher.add(util::open_file(directory / "good", O_WRONLY), directory / "good", size);
    CHECK_THROWS_AS(flusher.wait(), util::SystemError);
    CHECK_THROWS_AS(flusher.wait(), util::SystemError);
    CHECK_FALSE(std::filesystem::exists(directory / "bad"));
    CHECK(std::filesystem::exists(directory / "good"));
  }
}

TEST_CASE("who goes away flushes what is left") {
  test::TestDir directory;
  directory.write("bad", "content");
  { cache::BlobFlusher().add(std::move(util::Pipe::open().write), directory / "bad", kSmall); }
  CHECK_FALSE(std::filesystem::exists(directory / "bad"));
}
