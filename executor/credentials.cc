#include "executor/credentials.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace executor {
namespace {

constexpr std::size_t kMaxDatabaseSize = 10u << 20;
constexpr std::int64_t kMaxId = 0x7fffffff;

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint32_t checked_id(std::int64_t id, std::string_view user) {
  if (id < 0 || id > kMaxId) {
    throw util::Error("find the user `" + std::string(user) + "`: uids and gids must be in range 0-2147483647");
  }
  return static_cast<std::uint32_t>(id);
}

/// Calls `f` with the fields of each line that has at least `fields` of them.
template <typename F>
void for_each_line(const std::optional<std::string>& text, std::size_t fields, F f) {
  if (!text) return;
  for (const std::string& line : util::split(*text, '\n')) {
    std::vector<std::string> parts = util::split(util::trim(line), ':');
    if (parts.size() >= fields) f(parts);
  }
}

struct PasswdEntry {
  std::string name, home;
  std::uint32_t uid = 0, gid = 0;
};

/// The first entry with this name or id.
std::optional<PasswdEntry> find_passwd(const std::optional<std::string>& passwd, std::string_view name,
                                       std::optional<std::int64_t> id) {
  std::optional<PasswdEntry> found;
  for_each_line(passwd, 4, [&](const std::vector<std::string>& parts) {
    std::optional<std::int64_t> uid = number(parts[2]), gid = number(parts[3]);
    if (found || !uid || !gid) return;
    if (parts[0] != name && (!id || *id != *uid)) return;
    found = PasswdEntry{parts[0], parts.size() > 5 ? parts[5] : "", checked_id(*uid, name), checked_id(*gid, name)};
  });
  return found;
}

std::optional<std::uint32_t> find_group(const std::optional<std::string>& group, std::string_view name,
                                        std::optional<std::int64_t> id) {
  std::optional<std::uint32_t> found;
  for_each_line(group, 3, [&](const std::vector<std::string>& parts) {
    std::optional<std::int64_t> gid = number(parts[2]);
    if (found || !gid) return;
    if (parts[0] == name || (id && *id == *gid)) found = checked_id(*gid, name);
  });
  return found;
}

std::vector<std::uint32_t> groups_of(const std::optional<std::string>& group, const PasswdEntry& user) {
  std::vector<std::uint32_t> result;
  for_each_line(group, 4, [&](const std::vector<std::string>& parts) {
    std::optional<std::int64_t> gid = number(parts[2]);
    if (!gid) return;
    std::vector<std::string> members = util::split(parts[3], ',');
    if (std::find(members.begin(), members.end(), user.name) == members.end()) return;
    std::uint32_t id = checked_id(*gid, user.name);
    if (id != user.gid && std::find(result.begin(), result.end(), id) == result.end()) result.push_back(id);
  });
  return result;
}

std::optional<std::string> read_database(int root_fd, const char* path) {
  util::Fd fd;
  try {
    // Non-blocking: it might be a pipe.
    fd = util::open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (const util::SystemError&) {
    return std::nullopt;
  }
  if (util::stat_at(fd.get(), "").type != util::FileType::regular) {
    throw util::Error("read `" + std::string(path) + "` of the image: not a regular file");
  }
  return util::with_context("read `" + std::string(path) + "` of the image",
                            [&] { return util::read_to_end(fd.get(), kMaxDatabaseSize); });
}

}  // namespace

UserIds find_user(std::string_view user, const std::optional<std::string>& passwd,
                  const std::optional<std::string>& group) {
  std::size_t colon = user.find(':');
  std::string_view name = user.substr(0, colon);
  std::string_view group_name = colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);
  if (name.empty()) name = "0";
  std::optional<std::int64_t> uid = number(name), gid = number(group_name);
  std::optional<PasswdEntry> entry = find_passwd(passwd, name, uid);
  UserIds ids;
  if (entry) {
    ids.uid = entry->uid;
    ids.gid = entry->gid;
    if (!entry->home.empty()) ids.home = entry->home;
  } else if (uid) {
    ids.uid = checked_id(*uid, user);
  } else {
    throw util::Error("unable to find user `" + std::string(name) + "`: no matching entries in passwd file",
                      "add the user in an earlier step, or use a number");
  }
  if (!group_name.empty()) {
    std::optional<std::uint32_t> found = find_group(group, group_name, gid);
    if (!found && !gid) {
      throw util::Error("unable to find group `" + std::string(group_name) + "`: no matching entries in group file",
                        "add the group in an earlier step, or use a number");
    }
    ids.gid = found ? *found : checked_id(*gid, user);
  } else if (entry) {
    ids.groups = groups_of(group, *entry);
  }
  return ids;
}

UserIds find_user_in_root(std::string_view user, int root_fd) {
  return find_user(user, read_database(root_fd, "/etc/passwd"), read_database(root_fd, "/etc/group"));
}

namespace {

constexpr const char* kCapabilityNames[] = {"CAP_CHOWN",
                                            "CAP_DAC_OVERRIDE",
                                            "CAP_DAC_READ_SEARCH",
                                            "CAP_FOWNER",
                                            "CAP_FSETID",
                                            "CAP_KILL",
                                            "CAP_SETGID",
                                            "CAP_SETUID",
                                            "CAP_SETPCAP",
                                            "CAP_LINUX_IMMUTABLE",
                                            "CAP_NET_BIND_SERVICE",
                                            "CAP_NET_BROADCAST",
                                            "CAP_NET_ADMIN",
                                            "CAP_NET_RAW",
                                            "CAP_IPC_LOCK",
                                            "CAP_IPC_OWNER",
                                            "CAP_SYS_MODULE",
                                            "CAP_SYS_RAWIO",
                                            "CAP_SYS_CHROOT",
                                            "CAP_SYS_PTRACE",
                                            "CAP_SYS_PACCT",
                                            "CAP_SYS_ADMIN",
                                            "CAP_SYS_BOOT",
                                            "CAP_SYS_NICE",
                                            "CAP_SYS_RESOURCE",
                                            "CAP_SYS_TIME",
                                            "CAP_SYS_TTY_CONFIG",
                                            "CAP_MKNOD",
                                            "CAP_LEASE",
                                            "CAP_AUDIT_WRITE",
                                            "CAP_AUDIT_CONTROL",
                                            "CAP_SETFCAP",
                                            "CAP_MAC_OVERRIDE",
                                            "CAP_MAC_ADMIN",
                                            "CAP_SYSLOG",
                                            "CAP_WAKE_ALARM",
                                            "CAP_BLOCK_SUSPEND",
                                            "CAP_AUDIT_READ",
                                            "CAP_PERFMON",
                                            "CAP_BPF",
                                            "CAP_CHECKPOINT_RESTORE"};

constexpr Capabilities bit(int capability) {
  return Capabilities{1} << capability;
}

void set_capabilities(Capabilities permitted, Capabilities inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; ++word) {
    data[word].permitted = data[word].effective = static_cast<std::uint32_t>(permitted >> (32 * word));
    data[word].inheritable = static_cast<std::uint32_t>(inheritable >> (32 * word));
  }
  if (syscall(SYS_capset, &header, data) != 0) util::throw_errno("set the capabilities");
}

void limit_bounding_set(Capabilities keep) {
  for (int capability = 0; capability < 64; ++capability) {
    int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0) return;  // past the last one
    if (present == 1 && (keep & bit(capability)) == 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      util::throw_errno("drop a capability");
    }
  }
}

bool setting_groups_is_denied() {
  try {
    return util::read_file("/proc/self/setgroups", 64).starts_with("deny");
  } catch (const util::Error&) {
    return false;
  }
}

void set_groups(const UserIds& user) {
  std::vector<gid_t> groups = {user.gid};
  groups.insert(groups.end(), user.groups.begin(), user.groups.end());
  if (setgroups(groups.size(), groups.data()) == 0) return;
  int code = errno;
  if (code == EPERM && setting_groups_is_denied()) return;
  util::SystemError error("set the groups of the user", code);
  if (code == EINVAL) error.set_hint("a group is not among the subordinate ids in /etc/subgid");
  throw error;
}

[[noreturn]] void fail_to_become(const UserIds& user) {
  int code = errno;
  util::SystemError error("become the user " + std::to_string(user.uid) + ":" + std::to_string(user.gid), code);
  if (code == EINVAL) {
    error.set_hint(
        "this id does not exist in the user namespace; give the user who builds a range of subordinate ids in "
        "/etc/subuid and "
        "/etc/subgid (`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME`), and install newuidmap");
  }
  throw error;
}

}  // namespace

Capabilities default_capabilities() {
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) | bit(CAP_MKNOD) |
         bit(CAP_NET_RAW) | bit(CAP_SETGID) | bit(CAP_SETUID) | bit(CAP_SETFCAP) | bit(CAP_SETPCAP) |
         bit(CAP_NET_BIND_SERVICE) | bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);
}

int capability_number(std::string_view name) {
  auto found = std::find(std::begin(kCapabilityNames), std::end(kCapabilityNames), name);
  return found == std::end(kCapabilityNames) ? -1 : static_cast<int>(found - std::begin(kCapabilityNames));
}

Capabilities permitted_capabilities() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) util::throw_errno("read the capabilities");
  return data[0].permitted | Capabilities{data[1].permitted} << 32;
}

void become_user(const UserIds& user, Capabilities capabilities, bool ambient) {
  capabilities &= permitted_capabilities();
  set_groups(user);
  limit_bounding_set(capabilities);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Kept over the change of the user for the calls below; exec then does what it always does for that user.
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) util::throw_errno("keep the capabilities");
  if (setresgid(user.gid, user.gid, user.gid) != 0 || setresuid(user.uid, user.uid, user.uid) != 0)
    fail_to_become(user);
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) util::throw_errno("keep the capabilities");
  bool keep = user.uid == 0 || ambient;
  set_capabilities(keep ? capabilities : 0, ambient ? capabilities : 0);
  for (int capability = 0; ambient && capability < 64; ++capability) {
    if ((capabilities & bit(capability)) != 0) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  }
}

}  // namespace executor
