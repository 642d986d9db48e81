#include "solver/ops/owner.h"

#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "util/error.h"
#include "util/text.h"

namespace ops {
namespace {

constexpr std::size_t kLargestDatabase = 10u << 20;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Fields of the line of `name`; nullopt when the file or the name is not there.
std::optional<std::vector<std::string>> find_line(const cache::Tree& root, std::string_view file,
                                                  std::string_view name) {
  const std::string path = cache::resolve_path(root, file, true);
  const std::optional<oci::LayerEntry> entry = root.find(path);
  if (!entry || !entry->is_file()) return std::nullopt;
  const std::string text = util::read_all(*root.open(path), kLargestDatabase);
  for (const std::string& line : util::split(text, '\n')) {
    std::vector<std::string> fields = util::split(util::trim(line), ':');
    if (fields.size() >= 3 && fields[0] == name) return fields;
  }
  return std::nullopt;
}

[[noreturn]] void throw_unknown(const char* kind, std::string_view name, std::string_view file) {
  throw util::Error(
      "look up " + std::string(kind) + " `" + std::string(name) + "`: not in `" + std::string(file) + "` of the image",
      "create it in an earlier step, or use a number");
}

UserIds look_up_user(const cache::Tree& root, std::string_view name, UnknownName unknown) {
  if (name.empty() || name == "root") return {};
  if (const auto uid = number(name)) return {*uid, *uid};
  if (const auto fields = find_line(root, "/etc/passwd", name); fields && fields->size() >= 4) {
    const auto uid = number((*fields)[2]);
    const auto gid = number((*fields)[3]);
    if (uid && gid) return {*uid, *gid};
  }
  if (unknown == UnknownName::is_root) return {};
  throw_unknown("user", name, "/etc/passwd");
}

std::uint32_t look_up_group(const cache::Tree& root, std::string_view name, UnknownName unknown) {
  if (name == "root") return 0;
  if (const auto gid = number(name)) return *gid;
  if (const auto fields = find_line(root, "/etc/group", name)) {
    if (const auto gid = number((*fields)[2])) return *gid;
  }
  if (unknown == UnknownName::is_root) return 0;
  throw_unknown("group", name, "/etc/group");
}

}  // namespace

UserIds look_up_owner(const cache::Tree& root, std::string_view text, UnknownName unknown) {
  const std::size_t colon = text.find(':');
  UserIds ids = look_up_user(root, text.substr(0, colon), unknown);
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    ids.gid = look_up_group(root, text.substr(colon + 1), unknown);
  }
  return ids;
}

}  // namespace ops
