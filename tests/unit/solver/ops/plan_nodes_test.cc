#include "solver/ops/plan_nodes.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_dir.h"

using ops::PlanNode;
using ops::PlanNodes;

namespace {

PlanNode node(std::string path, std::uint64_t size = 0) {
  PlanNode node;
  node.entry.path = std::move(path);
  node.entry.size = size;
  return node;
}

struct PathOrder {
  bool operator()(const std::string& a, const std::string& b) const { return oci::path_less(a, b); }
};
using Model = std::map<std::string, std::uint64_t, PathOrder>;

std::vector<std::pair<std::string, std::uint64_t>> content(const PlanNodes& nodes) {
  std::vector<std::pair<std::string, std::uint64_t>> content;
  for (const PlanNode& one : nodes) content.emplace_back(one.entry.path, one.entry.size);
  return content;
}

void check_same(const PlanNodes& nodes, const Model& model) {
  CHECK(nodes.size() == model.size());
  CHECK(nodes.empty() == model.empty());
  CHECK(content(nodes) == std::vector<std::pair<std::string, std::uint64_t>>(model.begin(), model.end()));
  std::vector<std::string> backwards;
  for (auto next = nodes.end(); next != nodes.begin();) backwards.push_back((--next)->entry.path);
  std::ranges::reverse(backwards);
  CHECK(std::ranges::equal(backwards, model, {}, {}, &Model::value_type::first));
}

void erase_tree(Model& model, const std::string& path) {
  std::erase_if(model, [&](const auto& item) { return item.first == path || item.first.starts_with(path + "/"); });
}

void check_random_steps(PlanNodes&& nodes) {
  std::mt19937 random(7);
  const auto pick = [&](int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); };
  // Few names, so that paths are replaced, and those that sort before and after a slash.
  const auto some_path = [&] {
    std::string path = fmt::format("d{}", pick(12));
    for (int depth = pick(3); depth > 0; --depth) path += fmt::format("/{}{}", "a-.z"[pick(4)], pick(40));
    return path;
  };
  Model model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string path = some_path();
    if (pick(40) == 0) {
      nodes.erase_tree(path);
      erase_tree(model, path);
    } else {
      const PlanNode& put = nodes.put(node(path, step));
      CHECK(put.entry.path == path);
      model[path] = step;
    }
    const std::string wanted = some_path();
    const PlanNode* const found = std::as_const(nodes).find(wanted);
    const auto expected = model.find(wanted);
    REQUIRE((found != nullptr) == (expected != model.end()));
    if (found != nullptr) CHECK(found->entry.size == expected->second);
    const auto bound = nodes.lower_bound(wanted);
    const auto expected_bound = model.lower_bound(wanted);
    REQUIRE((bound == nodes.end()) == (expected_bound == model.end()));
    if (expected_bound != model.end()) CHECK(bound->entry.path == expected_bound->first);
  }
  CHECK(model.size() > 600);
  check_same(nodes, model);

  for (int i = 0; i < 12; ++i) {
    nodes.erase_tree(fmt::format("d{}", i));
    erase_tree(model, fmt::format("d{}", i));
    if (i == 5) check_same(nodes, model);
  }
  CHECK(nodes.empty());
  CHECK(nodes.find("d1") == nullptr);
}

}  // namespace

TEST_CASE("nodes put in any order are those of a map in the order of a layer, wherever they are") {
  const test::TestDir directory;
  for (const std::size_t in_memory : {1, 3, 64}) {
    CAPTURE(in_memory);
    check_random_steps(PlanNodes(directory.path(), in_memory));
  }
  check_random_steps(PlanNodes(std::filesystem::path(), 1));
}

TEST_CASE("what is changed of a node stays changed, and its bytes come from where they came from") {
  constexpr int kCount = 2000;
  const test::TestDir directory;
  PlanNodes nodes(directory.path(), 2);
  const auto copied = std::make_shared<const ops::CopiedFiles>();
  std::vector<ops::FileContentRef> own;
  for (int i = 0; i < kCount; ++i) {
    PlanNode made = node(fmt::format("directory/with/a/long/name/{:06}", i));
    if (i % 3 == 0) made.bytes = copied;
    if (i % 3 == 1) made.bytes = own.emplace_back(std::make_shared<const ops::FileContent>());
    nodes.put(std::move(made));
  }
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < kCount; i += 7) {
      PlanNode* const found = nodes.find(fmt::format("directory/with/a/long/name/{:06}", i));
      REQUIRE(found != nullptr);
      found->entry.size = static_cast<std::uint64_t>(i * round);
      found->origin = PlanNode::Origin::made;
    }
  }
  int at = 0;
  for (const PlanNode& one : nodes) {
    const bool changed = at % 7 == 0;
    CHECK(one.entry.size == static_cast<std::uint64_t>(changed ? at * 2 : 0));
    CHECK((one.origin == PlanNode::Origin::made) == changed);
    if (at % 3 == 0) CHECK(std::get<ops::CopiedFilesRef>(one.bytes) == copied);
    if (at % 3 == 1) CHECK(std::get<ops::FileContentRef>(one.bytes) == own[static_cast<std::size_t>(at / 3)]);
    if (at % 3 == 2) CHECK(std::get<ops::FileContentRef>(one.bytes) == nullptr);
    ++at;
  }
  CHECK(at == kCount);
}
