#include "exporter/output_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/support/test_dir.h"
#include "util/error.h"

using exporter::OutputFile;

TEST_CASE("a file appears when it is finished, with the directories above it") {
  test::TestDir dir;
  std::filesystem::path path = dir / "a/b/out.tar";
  OutputFile::check(path.string());
  OutputFile file(path.string());
  file.write(util::as_bytes("text"));
  file.write(util::as_bytes(std::string(3 << 20, 'x')));
  CHECK_FALSE(std::filesystem::exists(path));
  file.finish();
  CHECK(util::read_file(path).size() == (3 << 20) + 4);
}

TEST_CASE("a file that is not finished leaves the old one") {
  test::TestDir dir;
  dir.write("out.tar", "old");
  {
    OutputFile file((dir / "out.tar").string());
    file.write(util::as_bytes("new"));
  }
  CHECK(util::read_file(dir / "out.tar") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("devices and fifos are written to, not replaced") {
  OutputFile file("/dev/null");
  file.write(util::as_bytes("gone"));
  file.finish();
  struct stat status = {};
  REQUIRE(::stat("/dev/null", &status) == 0);
  CHECK(S_ISCHR(status.st_mode));
}

TEST_CASE("a link stays and its target is written") {
  test::TestDir dir;
  dir.write("real/out.tar", "old");
  std::filesystem::create_symlink("real/out.tar", dir / "link");
  OutputFile file((dir / "link").string());
  file.write(util::as_bytes("new"));
  file.finish();
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(util::read_file(dir / "real/out.tar") == "new");
}

TEST_CASE("places that cannot be written are found beforehand") {
  test::TestDir dir;
  dir.write("file", "");
  CHECK_THROWS_WITH_AS(OutputFile::check(dir.path().string()), doctest::Contains("this is a directory"), util::Error);
  CHECK_THROWS_WITH_AS(OutputFile::check((dir / "file/x").string()), doctest::Contains("is not a directory"),
                       util::Error);
  CHECK_THROWS_AS(exporter::check_directory(dir / "file"), util::Error);
  CHECK_NOTHROW(exporter::check_directory(dir / "not/yet"));
}

TEST_CASE("a file is appended from where it stands, to a file and to a pipe, between other bytes") {
  test::TestDir directory;
  const std::string content(3'000'000, 'c');
  directory.write("from", "skipped" + content + "more");
  for (const bool pipe : {false, true}) {
    const std::string path = (directory / (pipe ? "pipe" : "to")).string();
    std::string read;
    std::thread reader;
    if (pipe) {
      REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
      reader = std::thread([&] { read = util::read_file(path); });
    }
    const util::Fd from = util::open_file(directory / "from", O_RDONLY);
    REQUIRE(::lseek(from.get(), 7, SEEK_SET) == 7);
    {
      exporter::OutputFile file(path);
      file.write(util::as_bytes("before"));
      file.append(from.get(), content.size(), {});
      file.write(util::as_bytes("after"));
      file.finish();
    }
    if (reader.joinable()) reader.join();
    CHECK((pipe ? read : util::read_file(path)) == "before" + content + "after");
    CHECK_THROWS_AS(exporter::OutputFile((directory / "other").string()).append(from.get(), 100, {}), util::Error);
  }
}
