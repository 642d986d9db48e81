#include "executor/user_namespace.h"

#include <doctest/doctest.h>

#include <cerrno>

using executor::explain_namespace_failure;
using executor::id_ranges;
using executor::IdRange;
using executor::NamespaceFacts;

namespace {
using Ranges = std::vector<IdRange>;
}

TEST_CASE("ids are the own one, then the subordinate ones in the order of the file, by name or number") {
  const char* file =
      "# comment\n"
      "other:1:1000\n"
      "ann:100000:65536\n"
      "ann:x:5\n"
      "ann:7\n"
      "1000:300000:10\n";
  CHECK(id_ranges(file, "ann", 1000, 1000) == Ranges{{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 10}});
  CHECK(id_ranges(file, "bob", 1001, 1001) == Ranges{{0, 1001, 1}});
  CHECK(id_ranges("", "ann", 1000, 1000) == Ranges{{0, 1000, 1}});
}

TEST_CASE("ranges beyond the last id are skipped") {
  CHECK(id_ranges("a:4294967290:100\na:5:0\na:1:99999999999\na:1:4294967295\na:20:3\n", "a", 5, 5) ==
        Ranges{{0, 5, 1}, {1, 20, 3}});
}

TEST_CASE("why there are no user namespaces is said, and what to do") {
  NamespaceFacts facts;
  facts.max_user_namespaces = 0;
  auto problem = explain_namespace_failure("user namespaces", ENOSPC, facts);
  CHECK(problem.message == "user namespaces are not available: `sysctl user.max_user_namespaces` is 0");
  CHECK(problem.hint == "allow them with `sysctl -w user.max_user_namespaces=15000`, or build as root");

  facts = {};
  facts.max_user_namespaces = 1000;
  facts.unprivileged_userns_clone = 0;
  problem = explain_namespace_failure("user namespaces", EPERM, facts);
  CHECK(problem.message == "user namespaces are not available: `sysctl kernel.unprivileged_userns_clone` is 0");
  CHECK(problem.hint == "allow them with `sysctl -w kernel.unprivileged_userns_clone=1`, or build as root");

  facts = {};
  facts.apparmor_restricts = 1;
  problem = explain_namespace_failure("user namespaces", EACCES, facts);
  CHECK(problem.message ==
        "user namespaces are not available: AppArmor keeps them from unprivileged programs (`sysctl "
        "kernel.apparmor_restrict_unprivileged_userns` is 1)");

  facts = {};
  facts.filtered = true;
  problem = explain_namespace_failure("user namespaces", EPERM, facts);
  CHECK(problem.message ==
        "user namespaces are not available: the container that this runs in does not allow them (operation not "
        "permitted)");
  CHECK(problem.hint ==
        "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or with "
        "`--privileged`");

  CHECK(explain_namespace_failure("user namespaces", ENOSPC, {}).message ==
        "user namespaces are not available: the limit of namespaces is reached");
  CHECK(explain_namespace_failure("user namespaces", EINVAL, {}).message ==
        "user namespaces are not available: this kernel is built without them (invalid argument)");
}
