#include "oci/toml_table.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

// Only its headers: the program needs no further shared library for a file that few machines have.
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"

namespace oci {
namespace {

constexpr std::size_t kMaxFile = 4u << 20;

[[noreturn]] void refuse_at(const std::string& file, const toml::source_region& where, std::string_view why) {
  throw util::Error(fmt::format("{}:{}: {}", file, where.begin.line, why), "correct the file");
}

}  // namespace

struct TomlTable::Node {
  std::string file;
  std::shared_ptr<const toml::table> root;  ///< keeps `table` alive
  const toml::table* table;

  std::shared_ptr<const Node> at(const toml::table& inner) const {
    return std::make_shared<const Node>(Node{file, root, &inner});
  }
  /// A string, or nothing else is accepted.
  std::string string_of(const toml::node& node, std::string_view name, std::string_view expected) const {
    if (auto text = node.value_exact<std::string>()) return *text;
    refuse_at(file, node.source(), fmt::format("`{}` must be {}", name, expected));
  }
};

std::optional<TomlTable> TomlTable::read(const std::filesystem::path& file) {
  return util::with_context("read registry configuration", [&]() -> std::optional<TomlTable> {
    if (!util::find_stat_at(AT_FDCWD, file)) return std::nullopt;
    std::string text = util::read_file(file, kMaxFile);
    try {
      auto root = std::make_shared<const toml::table>(toml::parse(text));
      return TomlTable(std::make_shared<const Node>(Node{file.string(), root, root.get()}));
    } catch (const toml::parse_error& error) {
      refuse_at(file.string(), error.source(), error.description());
    }
  });
}

std::string TomlTable::text(std::string_view name) const {
  const toml::node* node = node_->table->get(name);
  return node == nullptr ? std::string() : node_->string_of(*node, name, "a string");
}

std::optional<bool> TomlTable::boolean(std::string_view name) const {
  const toml::node* node = node_->table->get(name);
  if (node == nullptr) return std::nullopt;
  if (auto value = node->value_exact<bool>()) return value;
  refuse(name, "must be true or false");
}

std::vector<std::string> TomlTable::texts(std::string_view name) const {
  std::vector<std::string> texts;
  for (const std::vector<std::string>& row : rows(name)) {
    if (row.size() != 1) refuse(name, "must be a string or an array of strings");
    texts.push_back(row.front());
  }
  return texts;
}

std::vector<std::vector<std::string>> TomlTable::rows(std::string_view name) const {
  constexpr std::string_view kExpected = "a string or an array of strings";
  std::vector<std::vector<std::string>> rows;
  const toml::node* node = node_->table->get(name);
  if (node == nullptr) return rows;
  const toml::array* array = node->as_array();
  if (array == nullptr) return {{node_->string_of(*node, name, kExpected)}};
  for (const toml::node& element : *array) {
    std::vector<std::string>& row = rows.emplace_back();
    if (const toml::array* inner = element.as_array()) {
      for (const toml::node& text : *inner) row.push_back(node_->string_of(text, name, kExpected));
    } else {
      row.push_back(node_->string_of(element, name, kExpected));
    }
  }
  return rows;
}

std::vector<TomlTable> TomlTable::tables(std::string_view name) const {
  std::vector<TomlTable> tables;
  const toml::node* node = node_->table->get(name);
  if (node == nullptr) return tables;
  const toml::array* array = node->as_array();
  if (array == nullptr) refuse(name, fmt::format("must be written as [[{}]]", name));
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (table == nullptr) refuse(name, "must have only tables");
    tables.push_back(TomlTable(node_->at(*table)));
  }
  return tables;
}

std::optional<TomlTable> TomlTable::table(std::string_view name) const {
  const toml::node* node = node_->table->get(name);
  if (node == nullptr) return std::nullopt;
  const toml::table* table = node->as_table();
  if (table == nullptr) refuse(name, "must be a table");
  return TomlTable(node_->at(*table));
}

std::vector<std::pair<std::string, TomlTable>> TomlTable::named_tables(std::string_view name) const {
  std::vector<std::pair<std::string, TomlTable>> named;
  std::optional<TomlTable> outer = table(name);
  if (!outer) return named;
  for (const auto& [key, node] : *outer->node_->table) {
    const toml::table* inner = node.as_table();
    if (inner == nullptr) outer->refuse(key.str(), "must be a table");
    named.emplace_back(std::string(key.str()), TomlTable(node_->at(*inner)));
  }
  // The library sorts members by name.
  std::stable_sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
    return a.second.node_->table->source().begin < b.second.node_->table->source().begin;
  });
  return named;
}

std::vector<std::string> TomlTable::names() const {
  std::vector<std::string> names;
  for (const auto& [key, node] : *node_->table) names.emplace_back(key.str());
  return names;
}

void TomlTable::refuse(std::string_view name, std::string_view why) const {
  const toml::node* node = node_->table->get(name);
  refuse_at(node_->file, node == nullptr ? node_->table->source() : node->source(), fmt::format("`{}` {}", name, why));
}

}  // namespace oci
