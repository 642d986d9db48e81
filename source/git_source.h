#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "source/http_source.h"
#include "source/source.h"

namespace source {

/// Commits of git repositories, fetched with the program `git`, as shallow as the server allows. `pin` is the commit
/// (asked with ls-remote, unless the reference is a commit); `fetch` yields the checked out tree: files 0644 or 0755,
/// directories 0755, owner 0:0, `.git` only when asked for. Checkouts are kept by commit below `directory`.
///
/// git sees neither the configuration nor the credentials of the user or the machine, and never asks anything.
/// Credentials: those of the URL, the secrets GIT_AUTH_HEADER[.<host>] (the whole Authorization header) and
/// GIT_AUTH_TOKEN[.<host>], or for ssh the agent. Thread-safe.
class GitSource final : public Source {
 public:
  struct Options {
    std::filesystem::path directory;       ///< where checkouts are kept
    std::filesystem::path temporary;       ///< on the same file system
    std::filesystem::path stat_directory;  ///< for cache::StatCache
    SecretLookup secrets;                  ///< may be null
    std::string ssh_agent;                 ///< socket; empty = none
  };
  explicit GitSource(Options options);
  ~GitSource() override;

  Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) override;
  cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task, std::stop_token stop) override;
  /// When the commit was made, in seconds since 1970. Throws util::Error, Cancelled.
  std::int64_t commit_time(const llb::GitSource& op, std::stop_token stop);
  /// Remembers digests of files for later builds; call once at the end.
  void save() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace source
