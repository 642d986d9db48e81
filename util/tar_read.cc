#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "util/error.h"
#include "util/tar.h"
#include "util/tar_format.h"
#include "util/tar_pax.h"

namespace util {
namespace {

using tar_format::Header;
using tar_format::kBlock;
using tar_format::PaxRecords;
using tar_format::SparseMap;

/// Long names and extended headers are held in memory; nothing honest is larger.
constexpr std::uint64_t kMostHeaderData = std::uint64_t{8} << 20;
constexpr std::size_t kMostExtents = 1'000'000;

[[noreturn]] void damaged(std::string_view what) {
  throw Error(fmt::format("read tar archive: {}", what));
}

template <std::size_t N>
std::string text_of(const std::array<char, N>& field) {
  return std::string(field.data(), strnlen(field.data(), N));
}

/// Octal digits between blanks and zero bytes, or base 256 when the first bit is set.
std::int64_t number_of(std::string_view field, std::string_view what) {
  auto first = static_cast<unsigned char>(field.front());
  if ((first & 0x80) != 0) {
    // Two's complement of the remaining bits.
    bool negative = (first & 0x40) != 0;
    std::int64_t value = negative ? -1 : 0;
    for (std::size_t i = 0; i < field.size(); ++i) {
      auto byte = static_cast<unsigned char>(field[i]);
      if (i == 0) byte = static_cast<unsigned char>(negative ? byte | 0x80 : byte & 0x7f);
      // What is shifted out must be nothing but sign.
      if ((value >> 55) != (negative ? -1 : 0)) damaged(fmt::format("the {} of a member is out of range", what));
      value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << 8 | byte);
    }
    return value;
  }
  std::size_t begin = field.find_first_not_of(std::string_view(" \0", 2));
  if (begin == std::string_view::npos) return 0;
  field.remove_prefix(begin);
  field = field.substr(0, field.find_first_of(std::string_view(" \0", 2)));
  std::int64_t value = 0;
  for (char c : field) {
    if (c < '0' || c > '7') damaged(fmt::format("the {} of a member is no number", what));
    value = value * 8 + (c - '0');  // at most 12 digits: no overflow
  }
  return value;
}

template <std::size_t N>
std::int64_t number_of(const std::array<char, N>& field, std::string_view what) {
  return number_of(std::string_view(field.data(), N), what);
}

/// Negative ids are what some programs wrote for "nobody": the same bits unsigned, as chown takes them.
std::uint32_t checked_id(std::int64_t value) {
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::uint32_t>::max()) {
    damaged("the owner of a member is out of range");
  }
  return static_cast<std::uint32_t>(value);
}

std::uint32_t checked_device(std::int64_t value) {
  if (value < 0 || value > std::numeric_limits<std::uint32_t>::max())
    damaged("the device number of a member is out of range");
  return static_cast<std::uint32_t>(value);
}

Nanoseconds header_time(std::int64_t seconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kMost = std::numeric_limits<Nanoseconds>::max() / kSecond - 1;
  return std::clamp(seconds, -kMost, kMost) * kSecond;
}

FileType file_type(char flag) {
  switch (flag) {
    case '2':
      return FileType::symlink;
    case '3':
      return FileType::char_device;
    case '4':
      return FileType::block_device;
    case '5':
    case 'D':  // GNU directory with a list of names, which is skipped
      return FileType::directory;
    case '6':
      return FileType::fifo;
    default:
      return FileType::regular;  // POSIX: types that are not known are read as regular files
  }
}

/// A POSIX name has its directories in front; GNU's header keeps other things there, and star's a shorter prefix.
std::string header_path(const Header& header) {
  std::string name = text_of(header.name);
  if (std::memcmp(header.magic.data(), "ustar\0", 6) != 0) return name;
  bool star = std::memcmp(header.rest.data() + 8, "tar\0", 4) == 0;
  std::string prefix(header.prefix.data(), strnlen(header.prefix.data(), star ? 131 : header.prefix.size()));
  return prefix.empty() ? name : prefix + "/" + name;
}

/// A map that describes a file of `size` bytes whose data take `stored` bytes.
void check_map(const SparseMap& map, std::uint64_t size, std::uint64_t stored) {
  std::uint64_t at = 0, data = 0;
  for (auto [offset, length] : map) {
    if (offset < at || offset > size || length > size - offset) damaged("a malformed map of a sparse file");
    at = offset + length;
    data += length;
  }
  if (data > stored) damaged("a malformed map of a sparse file");
}

}  // namespace

struct TarReader::State final : public Reader {
  explicit State(Reader& source) : from(source) {}

  // --- the stream in blocks
  Reader& from;
  bool ended = false;

  std::size_t read_fully(std::span<std::byte> to) {
    std::size_t done = 0;
    while (done < to.size()) {
      std::size_t count = from.read(to.subspan(done));
      if (count == 0) break;
      done += count;
    }
    return done;
  }
  void read_exactly(std::span<std::byte> to) {
    if (read_fully(to) != to.size()) damaged("the archive is cut off");
  }
  void skip(std::uint64_t count);
  bool read_header(Header& header);
  std::string read_text(std::uint64_t size);

  // --- the content of the current member
  std::uint64_t stored = 0;    // bytes of it in the stream, not yet read
  std::uint64_t padding = 0;   // and what fills up its last block
  std::uint64_t position = 0;  // in the file
  std::uint64_t size = 0;      // of the file
  bool sparse = false;
  SparseMap map;
  std::size_t extent = 0;

  std::size_t read(std::span<std::byte> buffer) override;
  std::size_t read_stored(std::span<std::byte> buffer);

  // --- members
  std::optional<TarEntry> next();
  TarEntry make_entry(const Header& header, const PaxRecords& pax, const std::string& long_name,
                      const std::string& long_link);
  void apply_pax(TarEntry& entry, const PaxRecords& pax) const;
  void start_content(TarEntry& entry, const Header& header, const PaxRecords& pax);
  void read_gnu_map(const Header& header);
  void read_pax_map();
};

void TarReader::State::skip(std::uint64_t count) {
  std::array<std::byte, 16384> buffer;
  while (count > 0) {
    std::size_t part = std::min<std::uint64_t>(count, buffer.size());
    read_exactly(std::span(buffer).first(part));
    count -= part;
  }
}

/// The next header block; false at the end, which is two zero blocks or the end of the stream.
bool TarReader::State::read_header(Header& header) {
  auto bytes = std::as_writable_bytes(std::span(&header, 1));
  constexpr std::array<std::byte, kBlock> kZero{};
  std::size_t count = read_fully(bytes);
  if (count == 0) return false;
  if (count == kBlock && std::memcmp(bytes.data(), kZero.data(), kBlock) == 0) {
    count = read_fully(bytes);
    if (count != 0 && (count != kBlock || std::memcmp(bytes.data(), kZero.data(), kBlock) != 0)) {
      damaged("data follows a zero block");
    }
    return false;
  }
  if (count != kBlock) damaged("the archive is cut off");
  auto [plain, with_sign] = tar_format::checksum(header);
  std::int64_t stated = number_of(header.checksum, "checksum");
  if (stated != plain && stated != with_sign) damaged("a header with a wrong checksum, or no tar archive at all");
  return true;
}

/// Data of a header that describes the next member.
std::string TarReader::State::read_text(std::uint64_t count) {
  if (count > kMostHeaderData) damaged("an extended header that is too large");
  std::string text(count, '\0');
  read_exactly(std::as_writable_bytes(std::span(text.data(), text.size())));
  skip((kBlock - count % kBlock) % kBlock);
  return text;
}

std::optional<TarEntry> TarReader::State::next() {
  if (ended) return std::nullopt;
  skip(std::exchange(stored, 0));
  skip(std::exchange(padding, 0));
  PaxRecords pax;
  std::string long_name, long_link;
  Header header;
  while (read_header(header)) {
    std::int64_t count = number_of(header.size, "size");
    if (count < 0) damaged("the size of a member is out of range");
    auto length = static_cast<std::uint64_t>(count);
    switch (header.type) {
      case 'x':
      case 'X':
        pax.add(read_text(length));
        break;
      case 'g':  // for the whole archive: git writes the commit there; nothing of it concerns members
      case 'V':  // name of the volume
        read_text(length);
        break;
      case 'L':
        long_name = read_text(length).c_str();
        break;
      case 'K':
        long_link = read_text(length).c_str();
        break;
      default:
        return make_entry(header, pax, long_name, long_link);
    }
  }
  if (!pax.empty() || !long_name.empty() || !long_link.empty()) damaged("the archive is cut off");
  // What follows is no part of the archive, yet of the stream, whose digest somebody may be making.
  std::array<std::byte, 16384> rest;
  while (from.read(rest) != 0) {
  }
  ended = true;
  return std::nullopt;
}

TarEntry TarReader::State::make_entry(const Header& header, const PaxRecords& pax, const std::string& long_name,
                                      const std::string& long_link) {
  TarEntry entry;
  entry.path = long_name.empty() ? header_path(header) : long_name;
  entry.link_target = long_link.empty() ? text_of(header.link) : long_link;
  entry.type = file_type(header.type);
  entry.hard_link = header.type == '1';
  entry.mode = static_cast<std::uint32_t>(number_of(header.mode, "mode") & 07777);
  entry.uid = checked_id(number_of(header.uid, "owner"));
  entry.gid = checked_id(number_of(header.gid, "group"));
  entry.mtime = header_time(number_of(header.mtime, "time"));
  if (header.type == '3' || header.type == '4') {
    entry.device_major = checked_device(number_of(header.device_major, "device number"));
    entry.device_minor = checked_device(number_of(header.device_minor, "device number"));
  }
  apply_pax(entry, pax);
  // Archives from before POSIX know no directories, but a slash.
  bool old_directory = (header.type == '0' || header.type == '\0') && entry.path.ends_with('/');
  if (old_directory) entry.type = FileType::directory;
  if (!entry.hard_link && entry.type != FileType::symlink) entry.link_target.clear();
  if (entry.path.find('\0') != std::string::npos || entry.link_target.find('\0') != std::string::npos) {
    damaged("a name with a zero byte");
  }
  start_content(entry, header, pax);
  return entry;
}

/// Records that stand for a field of the header. An empty one leaves the field as it is.
void TarReader::State::apply_pax(TarEntry& entry, const PaxRecords& pax) const {
  auto number = [](const std::string& text, std::string_view what) -> std::int64_t {
    bool negative = text.starts_with('-');
    std::optional<std::uint64_t> value = tar_format::parse_decimal(std::string_view(text).substr(negative ? 1 : 0));
    if (!value || *value > std::uint64_t{1} << 62) damaged(fmt::format("the {} of a member is no number", what));
    return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
  };
  for (const auto& [key, value] : pax.values) {
    constexpr std::string_view kXattr = "SCHILY.xattr.";
    if (key.starts_with(kXattr) && key.size() > kXattr.size()) {
      entry.xattrs[key.substr(kXattr.size())] = value;
    } else if (value.empty()) {
      continue;
    } else if (key == "path" && !pax.find("GNU.sparse.name")) {
      entry.path = value;
    } else if (key == "GNU.sparse.name") {
      entry.path = value;
    } else if (key == "linkpath") {
      entry.link_target = value;
    } else if (key == "uid") {
      entry.uid = checked_id(number(value, "owner"));
    } else if (key == "gid") {
      entry.gid = checked_id(number(value, "group"));
    } else if (key == "mtime") {
      std::optional<Nanoseconds> time = tar_format::parse_pax_time(value);
      if (!time) damaged("the time of a member is no number");
      entry.mtime = *time;
    } else if (key == "SCHILY.devmajor") {
      entry.device_major = checked_device(number(value, "device number"));
    } else if (key == "SCHILY.devminor") {
      entry.device_minor = checked_device(number(value, "device number"));
    }
  }
}

void TarReader::State::start_content(TarEntry& entry, const Header& header, const PaxRecords& pax) {
  map.clear();
  extent = 0;
  position = 0;
  sparse = false;
  std::int64_t in_header = number_of(header.size, "size");
  auto decimal = [&](const char* key, std::uint64_t fallback) {
    const std::string* text = pax.find(key);
    if (text == nullptr || text->empty()) return fallback;
    std::optional<std::uint64_t> value = tar_format::parse_decimal(*text);
    if (!value || *value > std::uint64_t{1} << 62) damaged("the size of a member is no number");
    return *value;
  };
  stored = tar_format::has_content(header.type) ? decimal("size", static_cast<std::uint64_t>(in_header)) : 0;
  padding = (kBlock - stored % kBlock) % kBlock;
  size = stored;
  if (entry.type == FileType::regular && !entry.hard_link) {
    if (header.type == 'S') {
      read_gnu_map(header);
    } else if (decimal("GNU.sparse.major", 0) == 1) {
      size = decimal("GNU.sparse.realsize", stored);
      read_pax_map();
    } else if (pax.has_sparse) {
      size = decimal("GNU.sparse.size", stored);
      map = pax.sparse;
      sparse = true;
    }
    if (sparse) check_map(map, size, stored);
  } else {
    padding += std::exchange(stored, 0);
    size = 0;
  }
  entry.size = size;
}

/// Old GNU format: four extents in the header, more in the blocks after it.
void TarReader::State::read_gnu_map(const Header& header) {
  constexpr std::size_t kFirst = 386, kExtended = 482, kRealSize = 483, kExtentSize = 24, kPerBlock = 21;
  sparse = true;
  std::array<char, kBlock> block;
  std::memcpy(block.data(), &header, kBlock);
  auto take = [&](std::size_t offset, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, offset += kExtentSize) {
      if (block[offset] == '\0') return;
      std::int64_t begin = number_of(std::string_view(block.data() + offset, 12), "sparse map");
      std::int64_t length = number_of(std::string_view(block.data() + offset + 12, 12), "sparse map");
      if (begin < 0 || length < 0 || map.size() >= kMostExtents) damaged("a malformed map of a sparse file");
      map.emplace_back(begin, length);
    }
  };
  std::int64_t real = number_of(std::string_view(block.data() + kRealSize, 12), "size");
  if (real < 0) damaged("the size of a member is out of range");
  size = static_cast<std::uint64_t>(real);
  take(kFirst, 4);
  bool more = block[kExtended] != '\0';
  while (more) {
    read_exactly(std::as_writable_bytes(std::span(block)));
    take(0, kPerBlock);
    more = block[kPerBlock * kExtentSize] != '\0';
    if (map.size() >= kMostExtents) damaged("a sparse file with too many parts");
  }
}

/// Format 1.0: decimal numbers, one per line, in the first blocks of the data.
void TarReader::State::read_pax_map() {
  sparse = true;
  std::array<char, kBlock> block{};
  std::size_t at = kBlock;
  auto number = [&] {
    std::string digits;
    for (;;) {
      if (at == kBlock) {
        if (stored < kBlock) damaged("a malformed map of a sparse file");
        read_exactly(std::as_writable_bytes(std::span(block)));
        stored -= kBlock;
        at = 0;
      }
      char c = block[at++];
      if (c == '\n') break;
      digits.push_back(c);
      if (digits.size() > 20) damaged("a malformed map of a sparse file");
    }
    std::optional<std::uint64_t> value = tar_format::parse_decimal(digits);
    if (!value) damaged("a malformed map of a sparse file");
    return *value;
  };
  std::uint64_t count = number();
  if (count > kMostExtents) damaged("a sparse file with too many parts");
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t offset = number();
    map.emplace_back(offset, number());
  }
}

std::size_t TarReader::State::read_stored(std::span<std::byte> buffer) {
  buffer = buffer.first(std::min<std::uint64_t>(buffer.size(), stored));
  if (buffer.empty()) return 0;
  std::size_t count = from.read(buffer);
  if (count == 0) damaged("the archive is cut off");
  stored -= count;
  position += count;
  return count;
}

std::size_t TarReader::State::read(std::span<std::byte> buffer) {
  if (!sparse) return read_stored(buffer);
  while (extent < map.size() && position == map[extent].first + map[extent].second) ++extent;
  std::uint64_t hole_end = extent < map.size() ? map[extent].first : size;
  if (position >= hole_end && extent < map.size()) {
    std::uint64_t left = map[extent].first + map[extent].second - position;
    return read_stored(buffer.first(std::min<std::uint64_t>(buffer.size(), left)));
  }
  std::size_t count = std::min<std::uint64_t>(buffer.size(), hole_end - position);
  std::fill_n(buffer.begin(), count, std::byte{0});
  position += count;
  return count;
}

TarReader::TarReader(Reader& from) : state_(std::make_unique<State>(from)) {}
TarReader::~TarReader() = default;

std::optional<TarEntry> TarReader::next() {
  return state_->next();
}
Reader& TarReader::content() {
  return *state_;
}

}  // namespace util
