#include "util/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "util/check.h"
#include "util/error.h"
#include "util/tar_format.h"

namespace util {
namespace {

using tar_format::Header;
using tar_format::kBlock;

/// PAX records sorted by key: the order is part of the output.
using Records = std::map<std::string, std::string>;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void require_no_nul(std::string_view text, std::string_view what, const TarEntry& entry) {
  if (text.find('\0') != std::string_view::npos) {
    throw Error(fmt::format("write `{}` to a tar archive: a zero byte in its {}", entry.path, what));
  }
}

template <std::size_t N>
void put_text(std::array<char, N>& field, std::string_view text) {
  std::copy_n(text.begin(), std::min(N, text.size()), field.begin());
}

/// Digits with a terminating NUL, as the fields of ustar want them. False when the value does not fit.
template <std::size_t N>
bool put_octal(std::array<char, N>& field, std::uint64_t value) {
  if (value >> (3 * (N - 1)) != 0) return false;
  for (std::size_t i = N - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
  field[N - 1] = '\0';
  return true;
}

/// Number in its field, or in a record (and zero in the field).
template <std::size_t N>
void put_number(std::array<char, N>& field, std::uint64_t value, const char* key, Records& records) {
  if (put_octal(field, value)) return;
  put_octal(field, 0);
  records[key] = std::to_string(value);
}

/// Splits at a slash so that both halves fit their fields.
bool put_split_name(Header& header, std::string_view path) {
  if (path.size() <= header.name.size()) {
    put_text(header.name, path);
    return true;
  }
  // The first slash after which the rest fits leaves the shortest prefix. A directory's own last slash does not count.
  std::size_t from = path.size() - header.name.size() - 1;
  std::size_t slash = path.find('/', from);
  if (slash == std::string_view::npos || slash == 0 || slash > header.prefix.size() || slash + 1 == path.size())
    return false;
  put_text(header.prefix, path.substr(0, slash));
  put_text(header.name, path.substr(slash + 1));
  return true;
}

/// What readers without PAX see: the beginning, other bytes replaced.
std::string ascii_cut(std::string_view text, std::size_t size) {
  std::string cut(text.substr(0, size));
  std::replace_if(
      cut.begin(), cut.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '_');
  return cut;
}

void put_path(Header& header, const std::string& path, Records& records) {
  if (is_ascii(path) && put_split_name(header, path)) return;
  records["path"] = path;
  put_text(header.name, ascii_cut(path, header.name.size()));
}

void put_link(Header& header, const std::string& target, Records& records) {
  if (!is_ascii(target) || target.size() > header.link.size()) records["linkpath"] = target;
  put_text(header.link, ascii_cut(target, header.link.size()));
}

void put_time(Header& header, Nanoseconds time, bool subsecond, Records& records) {
  constexpr Nanoseconds kSecond = 1'000'000'000;
  Nanoseconds seconds = time / kSecond - (time % kSecond < 0 ? 1 : 0);
  Nanoseconds fraction = time - seconds * kSecond;
  bool fits = seconds >= 0 && put_octal(header.mtime, static_cast<std::uint64_t>(seconds));
  if (!fits) put_octal(header.mtime, 0);
  if (subsecond && fraction != 0) {
    // The sign stands before the whole number: -1.5 is second -2 and half a second.
    bool negative = seconds < 0;
    Nanoseconds whole = negative ? -seconds - 1 : seconds;
    std::string digits = fmt::format("{:09}", negative ? kSecond - fraction : fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    records["mtime"] = fmt::format("{}{}.{}", negative ? "-" : "", whole, digits);
  } else if (!fits) {
    records["mtime"] = std::to_string(seconds);
  }
}

char type_flag(const TarEntry& entry) {
  if (entry.hard_link) return '1';
  switch (entry.type) {
    case FileType::regular:
      return '0';
    case FileType::symlink:
      return '2';
    case FileType::char_device:
      return '3';
    case FileType::block_device:
      return '4';
    case FileType::directory:
      return '5';
    case FileType::fifo:
      return '6';
    case FileType::socket:
      break;
  }
  throw Error(fmt::format("write `{}` to a tar archive: the format knows no sockets", entry.path));
}

std::string encode_records(const Records& records) {
  std::string text;
  for (const auto& [key, value] : records) {
    // The length counts its own digits.
    std::size_t bare = key.size() + value.size() + 3;
    std::size_t size = bare + std::to_string(bare).size();
    size = bare + std::to_string(size).size();
    text += fmt::format("{} {}=", size, key);
    text.append(value).push_back('\n');
  }
  return text;
}

Bytes header_bytes(Header& header) {
  header.magic = {'u', 's', 't', 'a', 'r', '\0'};
  header.version = {'0', '0'};
  header.checksum.fill(' ');
  unsigned sum = tar_format::plain_checksum(header);
  // Six digits, NUL, blank: as every tar writes it.
  for (int i = 5; i >= 0; --i, sum >>= 3)
    header.checksum[static_cast<std::size_t>(i)] = static_cast<char>('0' + (sum & 7));
  header.checksum[6] = '\0';
  return std::as_bytes(std::span(&header, 1));
}

constexpr std::array<std::byte, 2 * kBlock> kZeros{};

Bytes padding(std::uint64_t size) {
  return Bytes(kZeros).first((kBlock - size % kBlock) % kBlock);
}

/// Header values of a member; what does not fit goes into `records`.
Header make_header(const TarEntry& entry, bool subsecond, Records& records) {
  Header header{};
  bool directory = entry.type == FileType::directory && !entry.hard_link;
  bool slash = directory && entry.path.back() != '/';
  put_path(header, slash ? entry.path + "/" : entry.path, records);
  put_octal(header.mode, entry.mode & 07777);
  put_number(header.uid, entry.uid, "uid", records);
  put_number(header.gid, entry.gid, "gid", records);
  put_number(header.size, tar_format::has_content(type_flag(entry)) ? entry.size : 0, "size", records);
  put_time(header, entry.mtime, subsecond, records);
  header.type = type_flag(entry);
  if (header.type == '1' || header.type == '2') put_link(header, entry.link_target, records);
  bool device = header.type == '3' || header.type == '4';
  put_number(header.device_major, device ? entry.device_major : 0, "SCHILY.devmajor", records);
  put_number(header.device_minor, device ? entry.device_minor : 0, "SCHILY.devminor", records);
  for (const auto& [name, value] : entry.xattrs) {
    require_no_nul(name, "extended attributes", entry);
    if (name.empty() || name.find('=') != std::string::npos) {
      throw Error(
          fmt::format("write `{}` to a tar archive: the format cannot hold the attribute name `{}`", entry.path, name));
    }
    records["SCHILY.xattr." + name] = value;
  }
  return header;
}

}  // namespace

struct TarWriter::State {
  Writer& to;
  bool subsecond;
  std::string path;             // of the member being written
  std::uint64_t size = 0;       // its content
  std::uint64_t remaining = 0;  // bytes of it that are still to come

  void write_records(const Records& records) {
    std::string body = encode_records(records);
    Header header{};
    std::string_view base = std::string_view(path).substr(0, path.find_last_not_of('/') + 1);
    base.remove_prefix(base.find_last_of('/') + 1);
    put_text(header.name, ascii_cut("PaxHeaders.0/" + std::string(base), header.name.size()));
    put_octal(header.mode, 0);
    put_octal(header.uid, 0);
    put_octal(header.gid, 0);
    put_octal(header.mtime, 0);
    put_octal(header.device_major, 0);
    put_octal(header.device_minor, 0);
    if (!put_octal(header.size, body.size()))
      throw Error(fmt::format("write `{}` to a tar archive: too many attributes", path));
    header.type = 'x';
    to.write(header_bytes(header));
    to.write(as_bytes(body));
    to.write(padding(body.size()));
  }

  void require_complete() const {
    if (remaining != 0) {
      throw Error(
          fmt::format("write `{}` to a tar archive: {} bytes fewer than its size of {}", path, remaining, size));
    }
  }
};

TarWriter::TarWriter(Writer& to, bool subsecond_times)
    : state_(std::make_unique<State>(State{to, subsecond_times, {}, 0, 0})) {}

TarWriter::~TarWriter() = default;

void TarWriter::add(const TarEntry& entry) {
  state_->require_complete();
  if (entry.path.empty()) throw Error("write to a tar archive: a member without a name");
  require_no_nul(entry.path, "name", entry);
  require_no_nul(entry.link_target, "link target", entry);
  Records records;
  Header header = make_header(entry, state_->subsecond, records);
  state_->path = entry.path;
  if (!records.empty()) state_->write_records(records);
  state_->to.write(header_bytes(header));
  state_->size = state_->remaining = tar_format::has_content(header.type) ? entry.size : 0;
}

void TarWriter::write(Bytes data) {
  if (data.size() <= state_->remaining && !data.empty()) state_->to.write(data);
  wrote(data.size());
}

void TarWriter::wrote(std::uint64_t size) {
  if (size == 0) return;
  if (size > state_->remaining) {
    throw Error(fmt::format("write `{}` to a tar archive: more bytes than its size of {}", state_->path, state_->size));
  }
  state_->remaining -= size;
  if (state_->remaining == 0) state_->to.write(padding(state_->size));
}

void TarWriter::finish() {
  state_->require_complete();
  state_->to.write(kZeros);
}

}  // namespace util
