#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "llb/op.h"
#include "source/git_command.h"

namespace source {

/// What a reference of a repository stands for.
struct GitCommit {
  std::string commit;  ///< full hex
  std::string name;    ///< "refs/heads/…", "refs/tags/…", "HEAD"; empty when the commit itself was named
};

/// Full hex of a sha1 or sha256 commit?
bool is_commit(const std::string& text);

/// Asks the remote what `ref` (branch, tag, `refs/…`; empty = HEAD) is now; a branch wins over a tag of that name, and
/// an annotated tag counts as its commit. A full commit is taken as it is. Throws util::Error.
GitCommit resolve_git_ref(const GitCommand& git, const std::string& ref, const std::filesystem::path& directory,
                          std::stop_token stop);

/// Fetches a commit, as shallow as the server lets, into the empty directory `tree` and checks it out there, with
/// submodules; what git itself needs is removed unless `op.keep_git_dir`. Returns the commit's time in seconds.
/// Throws util::Error, Cancelled.
std::int64_t check_out(const GitCommand& git, const llb::GitSource& op, const GitCommit& commit,
                       const std::filesystem::path& tree, std::stop_token stop);

}  // namespace source
