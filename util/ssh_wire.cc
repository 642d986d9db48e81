#include "util/ssh_wire.h"

#include "util/error.h"

namespace util {

SshWriter& SshWriter::byte(std::uint8_t value) {
  text_ += static_cast<char>(value);
  return *this;
}

SshWriter& SshWriter::number(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) byte(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

SshWriter& SshWriter::string(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  text_ += value;
  return *this;
}

SshWriter& SshWriter::mpint(std::string_view magnitude) {
  while (!magnitude.empty() && magnitude.front() == '\0') magnitude.remove_prefix(1);
  // A first bit that is set would mean a negative number.
  const bool padded = !magnitude.empty() && (static_cast<unsigned char>(magnitude.front()) & 0x80U) != 0;
  number(static_cast<std::uint32_t>(magnitude.size() + (padded ? 1 : 0)));
  if (padded) byte(0);
  text_ += magnitude;
  return *this;
}

std::string_view SshReader::bytes(std::size_t count) {
  if (rest_.size() < count) throw Error("the data ends too early");
  const std::string_view result = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return result;
}

std::uint8_t SshReader::byte() {
  return static_cast<std::uint8_t>(bytes(1).front());
}

std::uint32_t SshReader::number() {
  std::uint32_t value = 0;
  for (const char c : bytes(4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string_view SshReader::string() {
  return bytes(number());
}

}  // namespace util
