#include "exporter/output_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>

#include "util/fd.h"
#include "util/temp.h"

namespace fs = std::filesystem;
using exporter::OutputDirectory;

namespace {

void put(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
}

std::ptrdiff_t entries(const fs::path& directory) { return std::distance(fs::directory_iterator(directory), {}); }

}  // namespace

TEST_CASE("A directory appears whole or not at all") {
  const util::TempDir home("/tmp", "builder-test-");
  const fs::path target = home.path() / "new" / "layout";
  {
    OutputDirectory directory(target);
    put(directory.path() / "file");
    CHECK_FALSE(fs::exists(target));
  }
  CHECK(entries(target.parent_path()) == 0);
  OutputDirectory directory(target);
  put(directory.path() / "file");
  directory.finish();
  CHECK(fs::exists(target / "file"));
  CHECK(entries(target.parent_path()) == 1);
  CHECK((fs::status(target).permissions() & fs::perms::all) == fs::perms(0755));
}

TEST_CASE("What a killed process left for the same place is deleted, and nothing else") {
  const util::TempDir home("/tmp", "builder-test-");
  const fs::path dead = home.path() / ".tmp-layout-abcdef", alive = home.path() / ".tmp-layout-ghijkl";
  put(dead / "blobs" / "sha256" / "blob");
  put(alive / "blob");
  put(home.path() / ".tmp-layout-a file");  // as long as ours, but a file
  put(home.path() / ".tmp-other-abcdef" / "file");
  put(home.path() / ".tmp-layout-abcdefg" / "file");
  put(home.path() / "elsewhere" / "file");
  fs::create_directory_symlink("elsewhere", home.path() / ".tmp-layout-tolink");
  const util::Fd writer = exporter::lock_directory(alive);
  OutputDirectory directory(home.path() / "layout");
  CHECK_FALSE(fs::exists(dead));
  for (const char* name : {".tmp-layout-ghijkl/blob", ".tmp-layout-a file", ".tmp-other-abcdef/file", ".tmp-layout-abcdefg/file",
                           "elsewhere/file", ".tmp-layout-tolink/file"}) {
    CAPTURE(name);
    CHECK(fs::exists(home.path() / name));
  }
}

TEST_CASE("Two that write to one place do not take each other for dead") {
  const util::TempDir home("/tmp", "builder-test-");
  OutputDirectory first(home.path() / "layout");
  put(first.path() / "first");
  OutputDirectory second(home.path() / "layout");
  CHECK(fs::exists(first.path() / "first"));
  first.finish();
  CHECK(fs::exists(home.path() / "layout" / "first"));
}

TEST_CASE("A long name leaves room for the other one") {
  const util::TempDir home("/tmp", "builder-test-");
  const fs::path target = home.path() / std::string(255, 'n');
  OutputDirectory directory(target);
  directory.finish();
  CHECK(fs::is_directory(target));
}
