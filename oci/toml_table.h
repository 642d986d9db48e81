#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oci {

/// A table of a TOML file. A member that is missing gives an empty value; one of another type throws util::Error naming
/// file and line.
class TomlTable {
 public:
  /// The table that a file is; nullopt when there is no such file. Throws util::Error: broken or unreadable.
  static std::optional<TomlTable> read(const std::filesystem::path& file);

  std::string text(std::string_view name) const;
  /// nullopt when missing.
  std::optional<bool> boolean(std::string_view name) const;
  /// A string, or an array of them.
  std::vector<std::string> texts(std::string_view name) const;
  /// An array of strings or of arrays of strings: `["a", ["b", "c"]]`. A single string is one row.
  std::vector<std::vector<std::string>> rows(std::string_view name) const;
  /// `[[name]]`
  std::vector<TomlTable> tables(std::string_view name) const;
  /// `[name]`; nullopt when missing.
  std::optional<TomlTable> table(std::string_view name) const;
  /// `[name."…"]`, in the order of the file.
  std::vector<std::pair<std::string, TomlTable>> named_tables(std::string_view name) const;
  /// Names of all members.
  std::vector<std::string> names() const;
  /// Throws util::Error for that member: "FILE:LINE: `NAME` WHY".
  [[noreturn]] void refuse(std::string_view name, std::string_view why) const;

 private:
  struct Node;
  explicit TomlTable(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

}  // namespace oci
