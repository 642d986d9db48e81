#pragma once

#include <map>
#include <optional>
#include <string>

namespace ops {

/// Where a secret's value comes from (`--secret id=…`); read when a step asks for it, never kept in keys, graph or
/// logs.
struct SecretSource {
  bool from_environment = false;
  std::string location;  ///< file path or variable name
};

class SecretStore {
 public:
  void add(const std::string& id, SecretSource source) { sources_[id] = std::move(source); }
  /// nullopt when no such secret was given. Throws util::Error when its file cannot be read or is over 500 KiB.
  std::optional<std::string> value(const std::string& id) const;
  /// --ssh id=socket.
  void add_ssh(const std::string& id, const std::string& socket) { ssh_[id] = socket; }
  std::optional<std::string> ssh_socket(const std::string& id) const;

 private:
  std::map<std::string, SecretSource> sources_;
  std::map<std::string, std::string> ssh_;
};

}  // namespace ops
