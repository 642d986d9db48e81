#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

/// The header block that reader and writer of tar archives share (POSIX.1-2001 pax, "ustar Interchange Format").
namespace util::tar_format {

inline constexpr std::size_t kBlock = 512;

struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 6> magic;
  std::array<char, 2> version;
  std::array<char, 32> user;
  std::array<char, 32> group;
  std::array<char, 8> device_major;
  std::array<char, 8> device_minor;
  std::array<char, 155> prefix;
  std::array<char, 12> rest;
};
static_assert(sizeof(Header) == kBlock);

/// Sum of the bytes, the checksum field counted as blanks.
inline unsigned plain_checksum(const Header& header) {
  Header copy = header;
  copy.checksum.fill(' ');
  std::array<std::uint64_t, kBlock / 8> words;
  std::memcpy(words.data(), &copy, kBlock);
  // Four sums of 16 bits at a time: each of at most 128 bytes.
  constexpr std::uint64_t kEven = 0x00ff00ff00ff00ff;
  std::uint64_t sums = 0;
  for (const std::uint64_t word : words) sums += (word & kEven) + (word >> 8 & kEven);
  return static_cast<unsigned>((sums & 0xffff) + (sums >> 16 & 0xffff) + (sums >> 32 & 0xffff) + (sums >> 48));
}

/// Sum of the bytes, the checksum field counted as blanks; with the bytes taken as unsigned, as the standard says, and
/// as signed, as some old programs did.
inline std::pair<unsigned, int> checksum(const Header& header) {
  Header copy = header;
  copy.checksum.fill(' ');
  std::array<unsigned char, kBlock> bytes;
  std::memcpy(bytes.data(), &copy, kBlock);
  unsigned plain = 0;
  int with_sign = 0;
  for (unsigned char byte : bytes) {
    plain += byte;
    with_sign += static_cast<signed char>(byte);
  }
  return {plain, with_sign};
}

/// Does data follow the header of this type? Links, devices, directories and fifos have none, whatever their size field
/// says.
inline bool has_content(char type) {
  return type < '1' || type > '6';
}

}  // namespace util::tar_format
