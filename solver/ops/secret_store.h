#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "solver/ops/ssh_agent.h"

namespace ops {

/// Where a secret's value comes from (`--secret id=…`); read when a step asks for it, never kept in keys, graph or
/// logs.
struct SecretSource {
  bool from_environment = false;
  std::string location;  ///< file path or variable name
};

/// Secrets and ssh agents of one build. Filled before the build starts; reading is thread-safe.
class SecretStore {
 public:
  void add(const std::string& id, SecretSource source) { sources_[id] = std::move(source); }
  /// nullopt when no such secret was given. Throws util::Error when its file cannot be read or is over 500 KiB.
  std::optional<std::string> value(const std::string& id) const;
  /// --ssh id=…: an agent of our own stands between the steps and what `source` names, as long as this store lives. Its
  /// socket is made below `temporary`. Throws util::Error.
  void serve_ssh(const std::string& id, SshSource source, const std::filesystem::path& temporary);
  /// A socket that steps get as it is.
  void add_ssh(const std::string& id, const std::string& socket) { ssh_[id] = socket; }
  std::optional<std::string> ssh_socket(const std::string& id) const;

 private:
  std::map<std::string, SecretSource> sources_;
  std::map<std::string, std::string> ssh_;
  std::vector<std::unique_ptr<SshAgent>> agents_;
};

}  // namespace ops
