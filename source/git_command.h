#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "source/http_source.h"

namespace source {

/// The program git, run for one remote in an environment of its own: no configuration of machine or user, no
/// terminal, no helpers, network protocols only. Credentials travel in the environment, not in arguments.
class GitCommand {
 public:
  /// `home` is an (empty) directory for git's and ssh's own files; `known_hosts` keeps the keys of hosts.
  GitCommand(const std::string& remote, const SecretLookup& secrets, const std::string& ssh_agent,
             const std::filesystem::path& known_hosts);

  /// The remote as git is told it, and as people may see it: no user information of http(s) URLs.
  const std::string& remote() const { return shown_; }

  struct Outcome {
    bool success = false;
    std::string output;
    std::string error;  ///< last lines of standard error, without credentials
  };
  /// Runs `git arguments…` in `directory`. Throws util::Error when git cannot be started, Cancelled.
  Outcome try_run(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                  std::stop_token stop) const;
  /// The same, throws util::Error with what git said when it fails. Returns standard output.
  std::string run(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                  std::stop_token stop) const;

 private:
  void set(const std::string& key, const std::string& value) { config_.emplace_back(key, value); }
  void add_credentials(const std::string& remote, const SecretLookup& secrets);
  std::string without_secrets(std::string text) const;

  std::string shown_;
  std::vector<std::pair<std::string, std::string>> config_;
  std::vector<std::string> environment_;
  std::vector<std::string> hidden_;  ///< never to be seen in a message
};

}  // namespace source
