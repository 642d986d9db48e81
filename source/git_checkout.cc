#include "source/git_checkout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace source {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kSha1 = 40, kSha256 = 64;

bool is_hex(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string with_prefix(const char* prefix, const std::string& ref) {
  return ref.starts_with(prefix) ? ref : prefix + ref;
}

/// "commit\tname" lines of ls-remote by name.
std::map<std::string, std::string> parse_refs(const std::string& output) {
  std::map<std::string, std::string> refs;
  for (const std::string& line : util::split(output, '\n')) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos) continue;
    const std::string commit = line.substr(0, tab);
    if (is_commit(commit)) refs[line.substr(tab + 1)] = commit;
  }
  return refs;
}

std::string refspec(const std::string& name) {
  if (name.starts_with("refs/tags/")) return "+" + name + ":" + name;
  if (name.starts_with("refs/heads/")) return "+" + name + ":refs/remotes/origin/" + name.substr(11);
  return name;
}

class Fetcher {
 public:
  Fetcher(const GitCommand& git, const GitCommit& commit, const fs::path& tree, std::stop_token stop)
      : git_(git), commit_(commit), tree_(tree), stop_(std::move(stop)) {}

  /// By name, then by commit, then everything: not every server gives out commits by their names.
  void fetch() const {
    std::string cause;
    if (!commit_.name.empty()) {
      cause = try_fetch({"--depth=1", "--no-tags"}, {refspec(commit_.name)});
      if (has_commit()) return;
    }
    const std::string by_commit = try_fetch({"--depth=1", "--no-tags"}, {commit_.commit});
    if (has_commit()) return;
    const std::string all =
        try_fetch({"--tags"}, {"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"});
    if (has_commit()) return;
    for (const std::string& text : {all, by_commit}) {
      if (cause.empty()) cause = text;
    }
    throw util::Error(fmt::format("fetch commit {}: {}", commit_.commit, cause.empty() ? "not found there" : cause));
  }

 private:
  /// What went wrong; empty when nothing did.
  std::string try_fetch(std::vector<std::string> options, const std::vector<std::string>& refspecs) const {
    std::vector<std::string> arguments{"fetch", "--quiet", "--force", "--no-recurse-submodules"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.emplace_back("origin");
    arguments.insert(arguments.end(), refspecs.begin(), refspecs.end());
    GitCommand::Outcome outcome = git_.try_run(arguments, tree_, stop_);
    if (outcome.success) return {};
    return outcome.error.empty() ? "git fetch failed" : outcome.error;
  }
  bool has_commit() const {
    return git_.try_run({"cat-file", "-e", commit_.commit + "^{commit}"}, tree_, stop_).success;
  }

  const GitCommand& git_;
  const GitCommit& commit_;
  const fs::path& tree_;
  std::stop_token stop_;
};

/// Those of submodules, too.
void remove_git_files(const fs::path& tree) {
  std::vector<fs::path> found;
  const auto none = fs::directory_options::none;
  for (auto entry = fs::recursive_directory_iterator(tree, none); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->path().filename() != ".git") continue;
    found.push_back(entry->path());
    if (entry->is_directory()) entry.disable_recursion_pending();
  }
  for (const fs::path& path : found) util::remove_tree(path);
}

/// What is kept of `.git` does not say when and how it came here.
void remove_traces(const fs::path& git) {
  fs::remove(git / "FETCH_HEAD");
  if (fs::exists(git / "logs/HEAD")) fs::resize_file(git / "logs/HEAD", 0);
}

}  // namespace

bool is_commit(const std::string& text) {
  return (text.size() == kSha1 || text.size() == kSha256) && is_hex(text);
}

GitCommit resolve_git_ref(const GitCommand& git, const std::string& ref, const fs::path& directory,
                          std::stop_token stop) {
  if (is_commit(ref)) return {ref, {}};
  if (ref.empty() || ref == "HEAD") {
    const auto refs = parse_refs(git.run({"ls-remote", "--", git.remote(), "HEAD"}, directory, stop));
    const auto head = refs.find("HEAD");
    if (head == refs.end()) throw util::Error("it has no default branch", "name a branch or tag: URL#BRANCH");
    return {head->second, "HEAD"};
  }
  const auto refs =
      parse_refs(git.run({"ls-remote", "--", git.remote(), ref, ref + "^{}"}, directory, stop));
  const std::string tag = with_prefix("refs/tags/", ref);
  for (const std::string& name : {with_prefix("refs/", ref), with_prefix("refs/heads/", ref), tag}) {
    auto found = refs.find(name + "^{}");
    if (found == refs.end()) found = refs.find(name);
    if (found != refs.end()) return {found->second, name};
  }
  const bool short_commit = is_hex(ref) && ref.size() >= 7;
  throw util::Error(fmt::format("it has no branch or tag `{}`", ref),
                    short_commit ? "a commit has to be given in full: all 40 (or 64) hex digits" : "");
}

std::int64_t check_out(const GitCommand& git, const llb::GitSource& op, const GitCommit& commit, const fs::path& tree,
                       std::stop_token stop) {
  std::vector<std::string> init{"init", "--quiet", "--template="};
  if (commit.commit.size() == kSha256) init.emplace_back("--object-format=sha256");
  git.run(init, tree, stop);
  git.run({"remote", "add", "--", "origin", git.remote()}, tree, stop);
  Fetcher(git, commit, tree, stop).fetch();
  git.run({"checkout", "--quiet", "--force", "--detach", commit.commit, "--"}, tree, stop);
  std::error_code ignored;
  if (!op.skip_submodules && fs::exists(fs::symlink_status(tree / ".gitmodules", ignored))) {
    git.run({"submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"}, tree, stop);
  }
  const std::string text = git.run({"show", "--no-patch", "--format=%ct", commit.commit + "^{commit}", "--"}, tree, stop);
  std::int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (op.keep_git_dir) {
    remove_traces(tree / ".git");
  } else {
    remove_git_files(tree);
  }
  return seconds;
}

}  // namespace source
