#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace util {

/// Writes the data types of ssh (RFC 4251, section 5).
class SshWriter {
 public:
  SshWriter& byte(std::uint8_t value);
  SshWriter& number(std::uint32_t value);
  SshWriter& string(std::string_view value);
  /// A number of any size from its magnitude, most significant byte first.
  SshWriter& mpint(std::string_view magnitude);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Reads them. Every function throws util::Error when the data ends too early.
class SshReader {
 public:
  explicit SshReader(std::string_view data) : rest_(data) {}
  std::uint8_t byte();
  std::uint32_t number();
  std::string_view string();
  std::string_view bytes(std::size_t count);
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace util
