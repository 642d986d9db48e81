#include "util/compression.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "tests/support/test_dir.h"
#include "util/compression_input.h"
#include "util/compression_isal.h"
#include "util/digest.h"
#include "util/error.h"
#include "util/fd.h"

namespace {

using util::Compression;

/// Compressible and long enough for several chunks.
std::string sample(std::size_t size) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < size) text += "line " + std::to_string(random() % 100000) + "\n";
  text.resize(size);
  return text;
}

std::string compress(Compression compression, const std::string& text, unsigned threads = 1,
                     std::optional<int> level = std::nullopt, std::size_t step = 10007) {
  util::StringWriter out;
  auto writer = util::make_compressor(compression, level, out, threads);
  for (std::size_t at = 0; at < text.size(); at += step)
    writer->write(util::as_bytes(std::string_view(text).substr(at, step)));
  writer->finish();
  return out.take();
}

std::string decompress(const std::string& data) {
  util::StringReader from(data);
  return util::read_all(*util::make_decompressor(from));
}

/// Gives one byte at a time.
class SlowReader final : public util::Reader {
 public:
  explicit SlowReader(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (at_ == text_.size() || buffer.empty()) return 0;
    buffer[0] = static_cast<std::byte>(text_[at_++]);
    return 1;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

std::string run_tool(const std::string& command, const std::string& input) {
  test::TestDir dir;
  dir.write("in", input);
  std::string line = command + " < " + (dir / "in").string() + " > " + (dir / "out").string();
  REQUIRE(std::system(line.c_str()) == 0);
  return util::read_file(dir / "out");
}

class FailingWriter final : public util::Writer {
 public:
  void write(util::Bytes) override { throw util::Error("disk full"); }
};

}  // namespace

TEST_CASE("what was compressed comes back, whatever its length") {
  for (Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    for (std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1, std::size_t{9} << 20}) {
      std::string text = sample(size);
      CHECK(decompress(compress(compression, text)) == text);
    }
  }
}

TEST_CASE("the bytes do not depend on the number of threads nor on how they were written") {
  std::string text = sample(std::size_t{9} << 20);
  for (Compression compression : {Compression::gzip, Compression::zstd}) {
    std::string one = compress(compression, text, 1);
    CHECK(compress(compression, text, 2) == one);
    CHECK(compress(compression, text, 4) == one);
    CHECK(compress(compression, text, 0, std::nullopt, text.size()) == one);
    CHECK(one.size() < text.size() / 2);
  }
}

TEST_CASE("what cannot be compressed is stored, and costs almost no space") {
  std::mt19937 random(11);
  std::string noise(std::size_t{3} << 20, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  for (std::optional<int> level : {std::optional<int>(), std::optional<int>(6)}) {
    const std::string packed = compress(Compression::gzip, noise, 2, level);
    CHECK(packed.size() < noise.size() + noise.size() / 1000);
    CHECK(packed.find(noise.substr(1000, 500)) != std::string::npos);
    CHECK(decompress(packed) == noise);
    // A little noise within text, shorter and longer than what is looked at as a whole, at places of all kinds.
    std::string mixed;
    for (std::size_t size : {1, 500, 16384, 16385, 40000, 65535, 65536, 200000}) {
      mixed += sample(size * 2 + 3);
      mixed.append(noise, 5, size);
    }
    CHECK(decompress(compress(Compression::gzip, mixed, 1, level)) == mixed);
    CHECK(run_tool("gzip -dc", compress(Compression::gzip, mixed, 3, level)) == mixed);
  }
}

TEST_CASE("zstd stores what cannot be compressed within the frame it is in") {
  std::mt19937 random(12);
  std::string noise(std::size_t{9} << 20, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  CHECK(compress(Compression::zstd, noise, 2).size() < noise.size() + noise.size() / 1000);
  CHECK(decompress(compress(Compression::zstd, noise)) == noise);
  std::string mixed;
  for (std::size_t size : {1, 500, 16384, 16385, 40000, 65535, 65536, 200000, 1500000, 4500000}) {
    mixed += sample(size + 3);
    mixed.append(noise, 5, size);
  }
  const std::string packed = compress(Compression::zstd, mixed);
  CHECK(compress(Compression::zstd, mixed, 3, std::nullopt, mixed.size()) == packed);
  CHECK(decompress(packed) == mixed);
  // No worse than what zstd does by itself, and the text before the noise serves the text behind it.
  CHECK(packed.size() < compress(Compression::zstd, mixed, 1, 3).size() * 101 / 100);
  CHECK(run_tool("zstd -dcq", packed) == mixed);
}

TEST_CASE("tables with all byte values are compressed") {
  std::string table;
  while (table.size() < 300000) table.push_back(static_cast<char>(table.size()));
  CHECK(compress(Compression::gzip, table).size() < table.size() / 20);
}

TEST_CASE("the default of gzip is fixed: the same layer has the same blob everywhere") {
  const std::string packed = compress(Compression::gzip, sample(std::size_t{3} << 20));
  CHECK(util::sha256_of(packed).to_string() == "sha256:f2910def28f8ab7d7d1ab3102c1586a644c5d23d36afbe2502f5063686157c9f");
}

TEST_CASE("other tools read the streams") {
  std::string text = sample(std::size_t{5} << 20);
  CHECK(run_tool("gzip -dc", compress(Compression::gzip, text, 3)) == text);
  CHECK(run_tool("gzip -dc", compress(Compression::gzip, "")).empty());
}

TEST_CASE("gzip carries no time and no name") {
  std::string data = compress(Compression::gzip, "x");
  CHECK(data.substr(3, 5) == std::string(5, '\0'));
  CHECK(static_cast<unsigned char>(data[9]) == 255);
}

TEST_CASE("levels are taken and checked") {
  std::string text = sample(300000);
  for (int level : {0, 1, 9}) CHECK(decompress(compress(Compression::gzip, text, 1, level)) == text);
  for (int level : {0, 1, 22}) CHECK(decompress(compress(Compression::zstd, text, 1, level)) == text);
  CHECK(compress(Compression::gzip, text, 1, 9).size() < compress(Compression::gzip, text, 1, 1).size());
  CHECK_THROWS_AS(compress(Compression::gzip, text, 1, 10), util::Error);
  CHECK_THROWS_AS(compress(Compression::zstd, text, 1, 23), util::Error);
}

TEST_CASE("a failing destination stops the compressor with its error") {
  FailingWriter out;
  auto writer = util::make_compressor(Compression::gzip, std::nullopt, out, 3);
  std::string text = sample(std::size_t{4} << 20);
  CHECK_THROWS_WITH(([&] {
                      for (int i = 0; i < 10; ++i) writer->write(util::as_bytes(text));
                      writer->finish();
                    }()),
                    "disk full");
}

TEST_CASE("a compressor that is dropped half-way leaves no thread behind") {
  util::StringWriter out;
  auto writer = util::make_compressor(Compression::gzip, std::nullopt, out, 4);
  writer->write(util::as_bytes(sample(std::size_t{6} << 20)));
  writer.reset();
}

TEST_CASE("bzip2 and xz are read") {
  std::string text = sample(500000);
  CHECK(decompress(run_tool("bzip2 -c", text)) == text);
  CHECK(decompress(run_tool("xz -c", text)) == text);
  CHECK(decompress(run_tool("xz -c", "")).empty());
  CHECK(decompress(run_tool("bzip2 -c", "")).empty());
}

TEST_CASE("members and frames one after the other are read to the end") {
  CHECK(decompress(compress(Compression::gzip, "one ") + compress(Compression::gzip, "") +
                   compress(Compression::gzip, "two")) == "one two");
  CHECK(decompress(compress(Compression::zstd, "one ") + compress(Compression::zstd, "two")) == "one two");
  for (const char* tool : {"bzip2 -c", "xz -c"}) {
    CHECK(decompress(run_tool(tool, "one ") + run_tool(tool, "") + run_tool(tool, "two")) == "one two");
  }
  CHECK(decompress(compress(Compression::gzip, "padded") + std::string(700, '\0')) == "padded");
}

TEST_CASE("input that comes byte by byte is read all the same") {
  for (Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    std::string text = sample(3000);
    SlowReader slow(compress(compression, text) +
                    (compression == Compression::none ? "" : compress(compression, "tail")));
    CHECK(util::read_all(*util::make_decompressor(slow)) == text + (compression == Compression::none ? "" : "tail"));
  }
  for (const char* tool : {"bzip2 -c", "xz -c"}) {
    std::string text = sample(3000);
    SlowReader slow(run_tool(tool, text) + run_tool(tool, "tail"));
    CHECK(util::read_all(*util::make_decompressor(slow)) == text + "tail");
  }
}

TEST_CASE("gzip is read the same by ISA-L and, where that is not installed, by zlib") {
  const std::string text = sample(3'000'000);
  const std::string packed = compress(Compression::gzip, text, 2) + run_tool("gzip -9c", text) + compress(Compression::gzip, "", 1, 1);
  for (const util::IsalLibrary* isal : {util::find_isal(), static_cast<const util::IsalLibrary*>(nullptr)}) {
    const auto read = [&](const std::string& data, std::size_t step) {
      util::StringReader from(data);
      auto reader = util::compression::make_gzip_reader(std::make_unique<util::compression::Input>(from), isal);
      std::string out;
      std::vector<std::byte> buffer(step);
      while (std::size_t count = reader->read(buffer)) out.append(reinterpret_cast<const char*>(buffer.data()), count);
      return out;
    };
    for (std::size_t step : {7UL, 4096UL, 70'001UL, 8UL << 20}) CHECK((read(packed, step) == text + text));
    CHECK_THROWS_AS(read(packed.substr(0, packed.size() - 1), 4096), util::Error);
    std::string wrong = packed;
    wrong[packed.size() - 8] = static_cast<char>(wrong[packed.size() - 8] ^ 1);  // the checksum of the last member
    CHECK_THROWS_AS(read(wrong, 4096), util::Error);
    wrong = packed;
    wrong[packed.size() - 4] = static_cast<char>(wrong[packed.size() - 4] ^ 1);  // its length
    CHECK_THROWS_AS(read(wrong, 4096), util::Error);
  }
}

TEST_CASE("a cut-off stream is an error at every length") {
  std::string text = sample(20000);
  for (const std::string& data : {compress(Compression::gzip, text), compress(Compression::zstd, text),
                                  run_tool("bzip2 -c", text), run_tool("xz -c", text)}) {
    for (std::size_t size = 8; size < data.size(); size += data.size() / 23) {
      CHECK_THROWS_AS(decompress(data.substr(0, size)), util::Error);
    }
    CHECK_THROWS_AS(decompress(data.substr(0, data.size() - 1)), util::Error);
  }
}

TEST_CASE("a damaged stream is an error") {
  std::string text = sample(20000);
  for (const std::string& good : {compress(Compression::gzip, text), compress(Compression::zstd, text),
                                  run_tool("bzip2 -c", text), run_tool("xz -c", text)}) {
    std::string data = good;
    data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 0x55);
    CHECK_THROWS_AS(decompress(data), util::Error);
  }
  for (const std::string& whole : {compress(Compression::gzip, text), run_tool("bzip2 -c", text), run_tool("xz -c", text)}) {
    CHECK_THROWS_AS(decompress(whole + "garbage"), util::Error);
  }
}

TEST_CASE("data without a known magic is passed on") {
  CHECK(decompress("") == "");
  CHECK(decompress("BZ") == "BZ");
  CHECK(decompress("plain text") == "plain text");
}

TEST_CASE("encodings are told by their first bytes") {
  using util::detect_encoding, util::Encoding, util::as_bytes;
  CHECK(detect_encoding(as_bytes("\x1f\x8b\x08...")) == Encoding::gzip);
  CHECK(detect_encoding(as_bytes("BZh91A")) == Encoding::bzip2);
  CHECK(detect_encoding(as_bytes(std::string_view("\xfd"
                                                  "7zXZ\0",
                                                  6))) == Encoding::xz);
  CHECK(detect_encoding(as_bytes("\x28\xb5\x2f\xfd..")) == Encoding::zstd);
  CHECK(detect_encoding(as_bytes("\x5e\x2a\x4d\x18..")) == Encoding::zstd);
  CHECK(detect_encoding(as_bytes("hello!")) == Encoding::identity);
  CHECK(detect_encoding({}) == Encoding::identity);
}

TEST_CASE("compressions are named as in buildx") {
  for (Compression c : {Compression::none, Compression::gzip, Compression::zstd})
    CHECK(util::parse_compression(util::to_string(c)) == c);
  CHECK_FALSE(util::parse_compression("lz4"));
}
