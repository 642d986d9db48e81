#include "cache/archive_digest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "util/stream.h"
#include "util/tar.h"

namespace {

/// Reads a string in pieces of a size that fits nothing.
class Pieces final : public util::Reader {
 public:
  Pieces(const std::string& text, std::size_t most) : text_(text), most_(most) {}
  std::size_t read(std::span<std::byte> buffer) override {
    return text_.read(buffer.first(std::min(buffer.size(), most_)));
  }

 private:
  util::StringReader text_;
  std::size_t most_;
};

std::string archive_of(const std::vector<std::string>& contents) {
  util::StringWriter text;
  util::TarWriter tar(text);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    util::TarEntry entry;
    entry.path = "f" + std::to_string(i);
    entry.size = contents[i].size();
    tar.add(entry);
    tar.write(std::as_bytes(std::span(contents[i])));
  }
  tar.finish();
  return text.take();
}

/// A file of ten bytes at 5000 of 10,000, as GNU tar stores holes: the map is in the header.
std::string sparse_archive() {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, "sparse");
  put(100, "0000644");
  put(124, "00000000012");  // ten bytes are stored
  put(136, "00000000000");
  put(156, "S");
  put(257, "ustar  ");
  put(386, "00000011610");  // offset 5000
  put(398, "00000000012");
  put(483, "00000023420");  // real size 10000
  unsigned sum = 8 * ' ';
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, (sum < 0100000 ? "0" : "") + [&] {
    std::string octal;
    for (unsigned rest = sum; rest > 0; rest /= 8) octal.insert(octal.begin(), static_cast<char>('0' + rest % 8));
    return octal;
  }());
  return header + std::string("0123456789") + std::string(502, '\0') + std::string(1024, '\0');
}

}  // namespace

TEST_CASE("an archive and the files in it are hashed in one pass, in pieces of any size") {
  std::string large(100'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31);
  const std::vector<std::string> contents = {"", "a", large, std::string(512, 'b'), large.substr(0, 700)};
  const std::string archive = archive_of(contents);
  for (std::size_t most : {1, 100, 511, 512, 4096, 1'000'000}) {
    CAPTURE(most);
    Pieces pieces(archive, most);
    cache::ArchiveDigest digest(pieces);
    util::TarReader tar(digest);
    std::size_t index = 0;
    while (tar.next()) {
      const std::string& expected = contents.at(index);
      cache::ArchiveDigest::Member member(digest, tar.content());
      // One is left before its end, and another is not read at all.
      if (index == 3) {
        std::vector<std::byte> some(100);
        CHECK(member.read(some) > 0);
      } else if (index != 4) {
        CHECK(util::read_all(member) == expected);
        CHECK(member.digest() == util::sha256_of(expected));
      }
      ++index;
    }
    CHECK(index == contents.size());
    CHECK(digest.digest() == util::sha256_of(archive));
  }
}

TEST_CASE("holes of a sparse file count for its digest and not for the archive's") {
  const std::string archive = sparse_archive();
  const std::string content = std::string(5000, '\0') + "0123456789" + std::string(4990, '\0');
  for (std::size_t most : {3, 1'000'000}) {
    Pieces pieces(archive, most);
    cache::ArchiveDigest digest(pieces);
    util::TarReader tar(digest);
    REQUIRE(tar.next());
    cache::ArchiveDigest::Member member(digest, tar.content());
    CHECK(util::read_all(member) == content);
    CHECK(member.digest() == util::sha256_of(content));
    CHECK_FALSE(tar.next());
    CHECK(digest.digest() == util::sha256_of(archive));
  }
}
