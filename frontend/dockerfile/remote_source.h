#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "llb/op.h"

// Which words of an ADD (and which build contexts) are not local: git repositories and http(s) files.
namespace dockerfile {

/// A git repository as people write it, with fragment and query taken apart.
struct GitUrl {
  std::string remote;  ///< without fragment and query
  std::string ref;     ///< branch, tag, commit or refs/…; empty = default branch
  std::string subdir;
  std::string checksum;  ///< commit, may be a prefix
  std::optional<bool> keep_git_dir;
  std::optional<bool> submodules;
  bool commit_time = false;  ///< mtime=commit
};

/// nullopt when `text` is no git repository: `git://`, `ssh://`, `user@host:path`, `http(s)://….git`; with `context`
/// also `github.com/owner/name`. Throws util::Error for a repository with a malformed query.
std::optional<GitUrl> parse_git_url(std::string_view text, bool context = false);

/// The source op of a repository.
llb::GitSource git_source(const GitUrl& url);

/// Begins with http:// or https:// (any case of the scheme).
bool is_http_url(std::string_view text);
/// Name of the file behind an http(s) URL: the last element of its path, decoded; `__unnamed__` when there is none.
std::string http_file_name(std::string_view url);
/// The URL without user and password, for people.
std::string url_without_credentials(std::string_view url);

}  // namespace dockerfile
