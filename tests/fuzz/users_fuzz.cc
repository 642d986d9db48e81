#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/tree.h"
#include "executor/credentials.h"
#include "solver/ops/owner.h"
#include "util/check.h"
#include "util/error.h"

// Input: what USER or --chown says, passwd and group, separated by lines "==".
namespace {

std::string_view take_part(std::string_view& rest) {
  constexpr std::string_view kEnd = "\n==\n";
  const std::size_t end = std::min(rest.find(kEnd), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + kEnd.size()));
  return part;
}

void check_user(std::string_view user, const std::optional<std::string>& passwd, const std::optional<std::string>& group) {
  try {
    const executor::UserIds ids = executor::find_user(user, passwd, group);
    CHECK(ids.uid <= 0x7fffffff && ids.gid <= 0x7fffffff);
    CHECK(!ids.home.empty());
    CHECK(std::ranges::find(ids.groups, ids.gid) == ids.groups.end());
    // A user that was found is found by number too, where that is the first with the number.
    static_cast<void>(executor::find_user(std::to_string(ids.uid), passwd, group));
  } catch (const util::Error&) {
  }
}

void check_owner(std::string_view owner, std::string passwd, std::string group) {
  cache::MemoryTree root;
  for (auto& [path, text] : {std::pair<const char*, std::string&>("etc/passwd", passwd), {"etc/group", group}}) {
    oci::LayerEntry entry;
    entry.path = path;
    root.add(entry, text);
  }
  std::optional<ops::UserIds> strict;
  try {
    strict = ops::look_up_owner(root, owner, ops::UnknownName::error);
  } catch (const util::Error&) {
  }
  const ops::UserIds lenient = ops::look_up_owner(root, owner, ops::UnknownName::is_root);
  if (strict) CHECK(strict->uid == lenient.uid && strict->gid == lenient.gid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view user = take_part(rest);
  const std::string passwd(take_part(rest)), group(rest);
  check_user(user, passwd, group);
  check_user(user, passwd, std::nullopt);
  check_user(user, std::nullopt, std::nullopt);
  check_owner(user, passwd, group);
  return 0;
}
