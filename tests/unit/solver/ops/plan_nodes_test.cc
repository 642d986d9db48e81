#include "solver/ops/plan_nodes.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

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

}  // namespace

TEST_CASE("nodes put in any order are those of a map in the order of a layer") {
  std::mt19937 random(7);
  const auto pick = [&](int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); };
  // Few names, so that paths are replaced, and those that sort before and after a slash.
  const auto some_path = [&] {
    std::string path = fmt::format("d{}", pick(12));
    for (int depth = pick(3); depth > 0; --depth) path += fmt::format("/{}{}", "a-.z"[pick(4)], pick(40));
    return path;
  };
  PlanNodes nodes;
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
    const PlanNode* const found = nodes.find(wanted);
    const auto expected = model.find(wanted);
    REQUIRE((found != nullptr) == (expected != model.end()));
    if (found != nullptr) CHECK(found->entry.size == expected->second);
    const auto bound = nodes.lower_bound(wanted);
    const auto expected_bound = model.lower_bound(wanted);
    REQUIRE((bound == std::as_const(nodes).end()) == (expected_bound == model.end()));
    if (expected_bound != model.end()) CHECK(bound->entry.path == expected_bound->first);
  }
  CHECK(model.size() > 600);
  check_same(nodes, model);

  const PlanNodes copy = nodes;
  for (int i = 0; i < 12; ++i) {
    nodes.erase_tree(fmt::format("d{}", i));
    erase_tree(model, fmt::format("d{}", i));
    if (i == 5) check_same(nodes, model);
  }
  CHECK(nodes.empty());
  CHECK(nodes.find("d1") == nullptr);
  CHECK(copy.size() > 600);
}

TEST_CASE("nodes put in order are taken in order") {
  constexpr int kCount = 5000;
  PlanNodes nodes;
  for (int i = 0; i < kCount; ++i) nodes.put(node(fmt::format("directory/with/a/long/name/{:06}", i), i));
  int next = 0;
  nodes.take_each([&](PlanNode&& taken) { CHECK(taken.entry.size == next++); });
  CHECK(next == kCount);
  CHECK(nodes.empty());
  nodes.put(node("again"));
  CHECK(nodes.size() == 1);
}
