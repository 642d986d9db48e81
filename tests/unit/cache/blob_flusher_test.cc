#include "cache/blob_flusher.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "tests/support/test_dir.h"
#include "util/fd.h"
#include "util/fs.h"

TEST_CASE("files are flushed and stay") {
  test::TestDir directory;
  cache::BlobFlusher flusher;
  for (const char* name : {"a", "b", "c"}) {
    directory.write(name, "content");
    flusher.add(util::open_file(directory / name, O_WRONLY), directory / name);
  }
  flusher.wait();
  for (const char* name : {"a", "b", "c"}) CHECK(util::read_file(directory / name) == "content");
}

TEST_CASE("what the disk does not take is dropped, and who waits is told") {
  test::TestDir directory;
  directory.write("good", "content");
  directory.write("bad", "content");
  cache::BlobFlusher flusher;
  // A pipe cannot be flushed: EINVAL.
  flusher.add(std::move(util::Pipe::open().write), directory / "bad");
  flusher.add(util::open_file(directory / "good", O_WRONLY), directory / "good");
  CHECK_THROWS_AS(flusher.wait(), util::SystemError);
  CHECK_THROWS_AS(flusher.wait(), util::SystemError);
  CHECK_FALSE(std::filesystem::exists(directory / "bad"));
  CHECK(std::filesystem::exists(directory / "good"));
}
