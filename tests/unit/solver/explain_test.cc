#include "solver/explain.h"

#include <doctest/doctest.h>

using cache::KeySummary;
using solver::explain_miss;
using Strings = std::vector<std::string>;

TEST_CASE("a step without a record was never built") {
  CHECK(explain_miss(std::nullopt, KeySummary{}) == Strings{"never built before"});
}

TEST_CASE("changed values are shown, changed digests are not") {
  const KeySummary before{"s", {{"arg VERSION", "1"}, {"parent", "sha256:aa"}}};
  const KeySummary now{"s", {{"arg VERSION", "2"}, {"parent", "sha256:bb"}}};
  CHECK(explain_miss(before, now) == Strings{"argument VERSION changed: 1 -> 2", "the parent changed"});
}

TEST_CASE("files say more than the digest of the input they are in") {
  const KeySummary before{"s", {{"input 1", "sha256:aa"}, {"file a.c", "sha256:11"}, {"file b.c", "sha256:22"}}};
  const KeySummary now{"s", {{"input 1", "sha256:bb"}, {"file a.c", "sha256:33"}, {"file d.c", "sha256:44"}}};
  CHECK(explain_miss(before, now) == Strings{"file a.c changed", "file b.c is gone", "file d.c is new"});
}

TEST_CASE("an input whose files are not known is named itself") {
  const KeySummary before{"s", {{"input 1", "sha256:aa"}}}, now{"s", {{"input 1", "sha256:bb"}}};
  CHECK(explain_miss(before, now) == Strings{"input 1 changed"});
}

TEST_CASE("a miss with equal parts means that the result was pruned") {
  const KeySummary same{"s", {{"instruction", "RUN make"}}};
  CHECK(explain_miss(same, same) == Strings{"nothing changed, but the result is no longer stored"});
}

TEST_CASE("a long list of reasons is cut") {
  KeySummary now{"s", {}};
  for (int i = 10; i < 40; ++i) now.parts.emplace_back("file f" + std::to_string(i), "sha256:00");
  const Strings reasons = explain_miss(KeySummary{"s", {}}, now);
  REQUIRE(reasons.size() == 11);
  CHECK(reasons.back() == "and 20 more");
}
