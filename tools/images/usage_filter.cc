#include "tools/images/usage_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "tools/builder/usage_error.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

using cache::UsageEntry;

constexpr const char* kKnown = "known: id, type, description, parents, inuse, mutable, immutable, shared, private, until";

UsageFilter flag_filter(const std::string& key) {
  if (key == "inuse") return [](const UsageEntry& entry) { return entry.in_use; };
  if (key == "mutable") return [](const UsageEntry& entry) { return entry.is_mutable; };
  if (key == "immutable") return [](const UsageEntry& entry) { return !entry.is_mutable; };
  if (key == "shared") return [](const UsageEntry& entry) { return entry.shared(); };
  if (key == "private") return [](const UsageEntry& entry) { return !entry.shared(); };
  return nullptr;
}

std::function<std::string(const UsageEntry&)> field(const std::string& key) {
  if (key == "id") return [](const UsageEntry& entry) { return entry.id; };
  if (key == "type") return [](const UsageEntry& entry) { return std::string(cache::to_string(entry.type)); };
  if (key == "description") return [](const UsageEntry& entry) { return entry.description; };
  if (key == "parents" || key == "parent") return [](const UsageEntry& entry) { return util::join(entry.parents, ";"); };
  return nullptr;
}

/// Ids may be cut, and may be longer than the report's; `*` marks what is mutable there.
bool same_id(std::string_view id, std::string_view wanted) {
  while (wanted.ends_with('*')) wanted.remove_suffix(1);
  return !wanted.empty() && (id.starts_with(wanted) || wanted.starts_with(id));
}

UsageFilter negate(UsageFilter filter) {
  return [filter = std::move(filter)](const UsageEntry& entry) { return !filter(entry); };
}

/// Go's syntax, as buildx has it; the length of what is searched does not matter, which std::regex would recurse on.
std::shared_ptr<const re2::RE2> parse_pattern(const std::string& part, const std::string& pattern) {
  auto compiled = std::make_shared<const re2::RE2>(pattern, re2::RE2::Quiet);
  if (compiled->ok()) return compiled;
  throw UsageError(fmt::format("--filter `{}`: `{}` is no regular expression: {}", part, pattern, compiled->error()));
}

UsageFilter parse_part(const std::string& part, std::int64_t now) {
  const std::size_t at = part.find_first_of("=!~");
  const std::string key = util::to_lower(util::trim(part.substr(0, at)));
  if (at == std::string::npos) {
    if (UsageFilter flag = flag_filter(key)) return flag;
    throw UsageError(fmt::format("--filter `{}`: unknown", part), kKnown);
  }
  const bool wide = part.compare(at, 2, "!=") == 0 || part.compare(at, 2, "~=") == 0 || part.compare(at, 2, "==") == 0;
  const char kind = part[at];
  const std::string value = part.substr(at + (wide ? 2 : 1));
  if (kind != '=' && !wide) throw UsageError(fmt::format("--filter `{}`: not KEY=VALUE, KEY!=VALUE or KEY~=PATTERN", part));
  if (key == "until" || key == "unused-for") {
    const auto moment = parse_moment(value, now);
    if (!moment) throw UsageError(fmt::format("--filter `{}`: not a time span like 24h or a time", part));
    return [moment = *moment](const UsageEntry& entry) { return entry.used <= moment; };
  }
  if (UsageFilter flag = flag_filter(key)) {
    if (value == "true" || value == "1") return kind == '!' ? negate(flag) : flag;
    if (value == "false" || value == "0") return kind == '!' ? flag : negate(flag);
    throw UsageError(fmt::format("--filter `{}`: true or false is wanted", part));
  }
  const auto text_of = field(key);
  if (!text_of) throw UsageError(fmt::format("--filter `{}`: unknown", part), kKnown);
  if (kind == '~') {
    return [pattern = parse_pattern(part, value), text_of](const UsageEntry& entry) {
      return re2::RE2::PartialMatch(text_of(entry), *pattern);
    };
  }
  UsageFilter equal = [value, text_of, id = key == "id"](const UsageEntry& entry) {
    return id ? same_id(entry.id, value) : text_of(entry) == value;
  };
  return kind == '!' ? negate(std::move(equal)) : equal;
}

}  // namespace

UsageFilter parse_usage_filters(const std::vector<std::string>& filters, std::int64_t now) {
  std::vector<UsageFilter> parts;
  for (const std::string& filter : filters) {
    for (const std::string& part : util::split(filter, ',')) parts.push_back(parse_part(part, now));
  }
  if (parts.empty()) return nullptr;
  return [parts = std::move(parts)](const UsageEntry& entry) {
    return std::ranges::all_of(parts, [&](const UsageFilter& part) { return part(entry); });
  };
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now) {
  if (const auto time = util::parse_rfc3339(text)) return time;
  if (const auto day = util::parse_rfc3339(std::string(text) + "T00:00:00Z")) return day;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) {
    std::int64_t nanoseconds = 0;
    if (__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &nanoseconds)) return std::nullopt;
    return nanoseconds;
  }
  const auto span = util::parse_duration(text);
  if (!span || *span < 0) return std::nullopt;
  return now - *span;
}

}  // namespace builder
