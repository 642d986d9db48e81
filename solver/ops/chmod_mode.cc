#include "solver/ops/chmod_mode.h"

#include <string>

#include "util/error.h"
#include "util/text.h"

namespace ops {
namespace {

constexpr std::uint32_t kAll = 07777;
constexpr std::uint32_t kSetIds = 06000;
constexpr std::uint32_t kSticky = 01000;
constexpr std::uint32_t kExecute = 0111;

std::uint32_t who_bits(char who) {
  switch (who) {
    case 'u':
      return 04700;
    case 'g':
      return 02070;
    case 'o':
      return 01007;
    case 'a':
      return kAll;
    default:
      return 0;
  }
}

std::uint32_t permission_bits(char permission) {
  switch (permission) {
    case 'r':
      return 0444;
    case 'w':
      return 0222;
    case 'x':
      return kExecute;
    case 's':
      return kSetIds;
    case 't':
      return kSticky;
    default:
      return 0;
  }
}

/// The three bits of one class, spread over all three classes.
std::uint32_t spread(std::uint32_t mode, char from) {
  const std::uint32_t shift = from == 'u' ? 6 : from == 'g' ? 3 : 0;
  const std::uint32_t three = (mode >> shift) & 07;
  return three << 6 | three << 3 | three;
}

[[noreturn]] void throw_invalid(std::string_view text) {
  throw util::Error("invalid mode `" + std::string(text) + "`",
                    "use octal digits up to 7777 or the symbols of chmod(1)");
}

}  // namespace

ChmodMode::ChmodMode(std::string_view text) {
  if (text.empty()) throw_invalid(text);
  if (text.front() >= '0' && text.front() <= '9') {
    octal_ = true;
    for (const char digit : text) {
      if (digit < '0' || digit > '7') throw_invalid(text);
      bits_ = bits_ << 3 | static_cast<std::uint32_t>(digit - '0');
      if (bits_ > kAll) throw_invalid(text);
    }
    return;
  }
  for (const std::string& clause : util::split(text, ',')) parse_clause(clause, text);
}

void ChmodMode::parse_clause(std::string_view clause, std::string_view whole) {
  std::uint32_t who = 0;
  std::size_t at = 0;
  while (at < clause.size() && who_bits(clause[at]) != 0) who |= who_bits(clause[at++]);
  if (who == 0) who = kAll;
  if (at == clause.size()) throw_invalid(whole);
  while (at < clause.size()) {
    Change change;
    change.who = who;
    change.operation = clause[at++];
    if (change.operation != '+' && change.operation != '-' && change.operation != '=') throw_invalid(whole);
    const std::size_t start = at;
    for (; at < clause.size() && clause[at] != '+' && clause[at] != '-' && clause[at] != '='; ++at) {
      const char c = clause[at];
      const bool alone = at == start && (at + 1 == clause.size() || clause[at + 1] == '+' || clause[at + 1] == '-' ||
                                         clause[at + 1] == '=');
      if (c == 'X') {
        change.conditional_execute = true;
      } else if (alone && (c == 'u' || c == 'g' || c == 'o')) {
        change.copied_from = c;
      } else if (permission_bits(c) != 0) {
        change.bits |= permission_bits(c);
      } else {
        throw_invalid(whole);
      }
    }
    changes_.push_back(change);
  }
}

std::uint32_t ChmodMode::apply(std::uint32_t mode, bool is_directory) const {
  if (octal_) return bits_;
  for (const Change& change : changes_) {
    std::uint32_t bits = change.bits;
    if (change.copied_from != 0) bits |= spread(mode, change.copied_from);
    if (change.conditional_execute && (is_directory || (mode & kExecute) != 0)) bits |= kExecute;
    bits &= change.who;
    if (change.operation == '+') {
      mode |= bits;
    } else if (change.operation == '-') {
      mode &= ~bits;
    } else {
      // As chmod(1) does, '=' leaves the set-id bits of directories alone unless they are named.
      const std::uint32_t kept = is_directory ? kSetIds : 0;
      mode = (mode & (~change.who | kept)) | bits;
    }
  }
  return mode & kAll;
}

}  // namespace ops
