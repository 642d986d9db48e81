#include "util/tar_pax.h"

#include <charconv>
#include <limits>

#include "util/error.h"
#include "util/tar.h"

namespace util::tar_format {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr std::size_t kMostExtents = 1'000'000;

[[noreturn]] void damaged(const char* what) {
  throw Error(std::string("read tar archive: ") + what);
}

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Nanoseconds> parse_pax_time(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::size_t dot = text.find('.');
  std::string_view whole = text.substr(0, dot);
  std::string_view fraction = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  std::optional<std::uint64_t> seconds = parse_decimal(whole);
  if (!seconds || fraction.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<Nanoseconds>::max() / kSecond - 1;
  if (*seconds > kMost) seconds = kMost;
  std::string digits(fraction.substr(0, 9));
  digits.resize(9, '0');
  Nanoseconds value = static_cast<Nanoseconds>(*seconds) * kSecond + static_cast<Nanoseconds>(*parse_decimal(digits));
  return negative ? -value : value;
}

const std::string* PaxRecords::find(const std::string& key) const {
  auto found = values.find(key);
  return found == values.end() ? nullptr : &found->second;
}

void PaxRecords::add(std::string_view text) {
  while (!text.empty()) {
    // "LENGTH KEY=VALUE\n", the length counting all of it. Some writers pad with zero bytes.
    if (text.find_first_not_of('\0') == std::string_view::npos) return;
    std::size_t blank = text.find(' ');
    std::optional<std::uint64_t> size =
        blank == std::string_view::npos ? std::nullopt : parse_decimal(text.substr(0, blank));
    if (!size || *size > text.size() || *size < blank + 4 || text[*size - 1] != '\n')
      damaged("a malformed extended header");
    std::string_view record = text.substr(blank + 1, *size - blank - 2);
    text.remove_prefix(*size);
    std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) damaged("a malformed extended header");
    std::string key(record.substr(0, equals));
    std::string_view value = record.substr(equals + 1);
    if (key.starts_with("GNU.sparse.")) add_sparse_number(key, value);
    values.insert_or_assign(std::move(key), std::string(value));
  }
}

void PaxRecords::add_sparse_number(const std::string& key, std::string_view value) {
  auto number = [](std::string_view text) {
    std::optional<std::uint64_t> parsed = parse_decimal(text);
    if (!parsed) damaged("a malformed map of a sparse file");
    return *parsed;
  };
  if (key == "GNU.sparse.offset") {
    sparse.emplace_back(number(value), 0);
    has_sparse = true;
  } else if (key == "GNU.sparse.numbytes") {
    if (sparse.empty()) damaged("a malformed map of a sparse file");
    sparse.back().second = number(value);
  } else if (key == "GNU.sparse.map") {
    sparse.clear();
    has_sparse = true;
    while (!value.empty()) {
      std::size_t first = value.find(',');
      if (first == std::string_view::npos) damaged("a malformed map of a sparse file");
      std::size_t second = value.find(',', first + 1);
      sparse.emplace_back(number(value.substr(0, first)), number(value.substr(first + 1, second - first - 1)));
      value.remove_prefix(second == std::string_view::npos ? value.size() : second + 1);
    }
  }
  if (sparse.size() > kMostExtents) damaged("a sparse file with too many parts");
}

}  // namespace util::tar_format
