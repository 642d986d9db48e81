#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace executor {

/// How this process stands with the kernel after `enter_user_namespace_if_needed`.
struct Privilege {
  bool real_root = false;          ///< root with CAP_SYS_ADMIN, no user namespace made
  bool in_user_namespace = false;  ///< in one of its own, or in one that was there already
  /// Not empty: no sandbox can be made, and this is why and what to do; builds without RUN still work.
  std::string problem;
  std::string hint;  ///< what to do about `problem`
  /// Not empty: sandboxes work, but less well than they could, and this is why and what to do.
  std::string warning;
};

/// Decides once, before any thread exists. Root with CAP_SYS_ADMIN: a private mount namespace. Otherwise: a user
/// namespace (uid 0 = the caller, 1.. = the subordinate ids of /etc/subuid and /etc/subgid through newuidmap and
/// newgidmap; with none, just the own id) and a private mount namespace, entered by the process itself; from then on
/// the rest of the code is the same for both. Never throws: what is missing is said in `problem`.
Privilege enter_user_namespace_if_needed();
/// What the call above found.
const Privilege& privilege();

/// A range of ids: `count` from `inside` on in the new namespace are those from `outside` on.
struct IdRange {
  std::uint32_t inside = 0, outside = 0, count = 0;
  bool operator==(const IdRange&) const = default;
};
/// The ranges of a user in the text of /etc/subuid or /etc/subgid, by name or number: 0 = `own_id`, 1.. = the
/// subordinate ids in the order of the file. Just the first when there are none. Malformed lines are skipped.
std::vector<IdRange> id_ranges(std::string_view subordinate_file, std::string_view user_name, std::uint32_t uid,
                               std::uint32_t own_id);

/// What can stand in the way of namespaces; found where a clone or unshare was refused.
struct NamespaceFacts {
  std::optional<std::int64_t> max_user_namespaces;        ///< sysctl user.max_user_namespaces
  std::optional<std::int64_t> unprivileged_userns_clone;  ///< sysctl kernel.unprivileged_userns_clone (Debian)
  std::optional<std::int64_t> apparmor_restricts;  ///< sysctl kernel.apparmor_restrict_unprivileged_userns (Ubuntu)
  bool filtered = false;                           ///< a seccomp filter is on this process already: a container
  bool chrooted = false;                           ///< the root is not the mount namespace's
};
NamespaceFacts find_namespace_facts();
struct NamespaceProblem {
  std::string message, hint;
};
/// Pure: the words for the errno with which the kernel refused `what` ("user namespaces", "namespaces").
NamespaceProblem explain_namespace_failure(std::string_view what, int error, const NamespaceFacts& facts);

}  // namespace executor
