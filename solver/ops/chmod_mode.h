#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ops {

/// A parsed `--chmod`: octal 0..07777, or what chmod(1) understands: "u=rwX,go=rX", "g=u", "a+x", "+t"; umask 0.
class ChmodMode {
 public:
  /// Throws util::Error for anything else.
  explicit ChmodMode(std::string_view text);
  /// The permission bits (07777) that an entry with `mode` gets.
  std::uint32_t apply(std::uint32_t mode, bool is_directory) const;

 private:
  struct Change {
    std::uint32_t who = 0;  // bits that may be touched
    char operation = '=';
    std::uint32_t bits = 0;
    bool conditional_execute = false;  // X
    char copied_from = 0;              // u, g, o, or 0
  };
  void parse_clause(std::string_view clause, std::string_view whole);

  bool octal_ = false;
  std::uint32_t bits_ = 0;
  std::vector<Change> changes_;
};

}  // namespace ops
