#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "cache/lane_hash.h"
#include "cache/stat_cache.h"
#include "cache/stat_cache_file.h"
#include "tests/fuzz/scratch.h"
#include "util/check.h"
#include "util/digest.h"
#include "util/fd.h"

// Input: a file of the stat cache behind magic and checksum, which are added: 16 bytes of numbers, entries, hash table.
// Seeds are what the cache itself wrote for the files a, b/c and the path of 300 letters.
namespace {

constexpr std::string_view kTree = "/tree";

util::FileStat stat_of(std::uint64_t inode) {
  util::FileStat stat;
  stat.device = 1;
  stat.inode = inode;
  stat.size = inode * 10;
  stat.mtime = stat.ctime = 1'000'000'000;
  return stat;
}

std::string with_header(std::string_view data) {
  constexpr std::size_t kNumbers = 16;
  const std::string_view body = data.size() > kNumbers ? data.substr(kNumbers) : std::string_view();
  const std::uint64_t checksum = cache::lane_hash(body);
  std::string file(std::begin(cache::kStatCacheMagic), std::end(cache::kStatCacheMagic));
  file.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  return file.append(data);
}

void look_up(const cache::StatCache& cache) {
  std::uint64_t inode = 0;
  for (const std::string& path : {std::string("a"), std::string("b/c"), std::string(300, 'x'), std::string()}) {
    static_cast<void>(cache.find(path, stat_of(++inode)));
  }
}

/// What a damaged cache says is lost at most: what is put in is there, and is still there when it was saved.
void check_use(const fuzz::Scratch& scratch) {
  const util::Digest digest = util::sha256_of("new");
  {
    cache::StatCache cache(scratch.path(), kTree);
    look_up(cache);
    CHECK(cache.put("new", stat_of(7), digest));
    cache.save();
    CHECK(cache.find("new", stat_of(7)) == digest);
  }
  const cache::StatCache again(scratch.path(), kTree);
  CHECK(again.find("new", stat_of(7)) == digest);
  look_up(again);
}

/// That what is behind the header is not refused for the header.
bool check_header(const fuzz::Scratch& scratch, const std::string& name) {
  {
    cache::StatCache cache(scratch.path(), kTree);
    CHECK(cache.put("a", stat_of(1), util::sha256_of("a")));
    cache.save();
  }
  const std::string written = util::read_file(scratch.path() / name);
  CHECK(with_header(std::string_view(written).substr(16)) == written);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  const std::string name(util::sha256_of(kTree).hex());
  static const bool header_is_right = check_header(scratch, name);
  CHECK(header_is_right);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& file : {std::string(text), with_header(text)}) {
    scratch.write(name, file);
    check_use(scratch);
  }
  return 0;
}
