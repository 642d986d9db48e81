#include "source/git_source.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <map>
#include <vector>

#include "cache/named_lock.h"
#include "cache/stat_cache.h"
#include "source/git_checkout.h"
#include "source/git_command.h"
#include "source/git_tree.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/stats.h"
#include "util/sync.h"
#include "util/temp.h"

namespace source {
namespace fs = std::filesystem;
namespace {

/// A checkout that is kept: `tree` and, beside it, what else is known of the commit.
struct Checkout {
  fs::path tree;
  std::int64_t commit_time = 0;
};

/// Everything that makes a difference for the files on disk.
std::string checkout_name(const llb::GitSource& op, const GitCommit& commit, const GitCommand& git) {
  util::Hasher hash("git-checkout/1");
  hash.field("commit", commit.commit);
  hash.number("submodules", op.skip_submodules ? 0 : 1);
  // Submodules may be given relative to the remote, and `.git` names it.
  hash.field("remote", op.keep_git_dir || !op.skip_submodules ? git.remote() : std::string());
  hash.field("git", op.keep_git_dir ? "keep " + commit.name : std::string());
  return std::string(hash.finish().hex());
}

/// `subdir` of a checkout; links cannot lead out of it.
fs::path directory_in(const fs::path& tree, const std::string& subdir) {
  if (subdir.empty()) return tree;
  const util::Fd root = util::open_file(tree, O_PATH | O_DIRECTORY);
  util::Fd found;
  try {
    found = util::open_in_root(root.get(), subdir, O_PATH | O_DIRECTORY);
  } catch (const util::SystemError& error) {
    throw util::Error(fmt::format("directory `{}` of the repository: {}", subdir,
                                  error.code() == ENOTDIR ? "not a directory" : "not found"));
  }
  return fs::read_symlink("/proc/self/fd/" + std::to_string(found.get()));
}

}  // namespace

struct GitSource::State {
  struct Slot {
    util::Sync<std::optional<GitCommit>> commit{};
  };

  Options options;
  util::Sync<std::map<std::string, std::shared_ptr<Slot>>> slots{};
  util::Sync<std::map<std::string, std::shared_ptr<cache::StatCache>>> stats{};

  GitCommand command(const llb::GitSource& op) const {
    return {op.remote, options.secrets, options.ssh_agent, options.directory / "known_hosts"};
  }
  /// Asked once in a build.
  GitCommit commit_of(const GitCommand& git, const llb::GitSource& op, const std::stop_token& stop) {
    std::shared_ptr<Slot> slot;
    {
      auto all = slots.lock();
      std::shared_ptr<Slot>& found = (*all)[op.remote + '\n' + op.ref];
      if (!found) found = std::make_shared<Slot>();
      slot = found;
    }
    auto commit = slot->commit.lock();
    if (!*commit) *commit = resolve_git_ref(git, op.ref, options.directory, stop);
    return **commit;
  }
  Checkout checkout(const GitCommand& git, const llb::GitSource& op, const GitCommit& commit,
                    const std::stop_token& stop) const;
  std::shared_ptr<cache::StatCache> stats_of(const fs::path& directory) {
    auto all = stats.lock();
    std::shared_ptr<cache::StatCache>& found = (*all)[directory.string()];
    if (!found) found = std::make_shared<cache::StatCache>(options.stat_directory, directory);
    return found;
  }
};

Checkout GitSource::State::checkout(const GitCommand& git, const llb::GitSource& op, const GitCommit& commit,
                                    const std::stop_token& stop) const {
  static util::Counter& count = util::counter("git.fetches");
  const std::string name = checkout_name(op, commit, git);
  const fs::path kept = options.directory / name;
  const auto lock = cache::lock_named(options.directory, name + ".lock", stop);
  if (!fs::exists(kept)) {
    count.add();
    util::TempDir made(options.temporary, "git-");
    fs::create_directory(made.path() / "tree");
    const std::int64_t time = check_out(git, op, commit, made.path() / "tree", stop);
    util::write_file_atomically(made.path() / "time", std::to_string(time));
    fs::rename(made.path(), kept);
    (void)made.release();
  }
  Checkout result{kept / "tree", 0};
  const std::string text = util::read_file(kept / "time", 64);
  std::from_chars(text.data(), text.data() + text.size(), result.commit_time);
  return result;
}

GitSource::GitSource(Options options) : state_(new State{std::move(options)}) {}
GitSource::~GitSource() = default;

Pin GitSource::pin(const llb::SourceOp& op, util::ProgressTask*, std::stop_token stop) {
  const auto& source = std::get<llb::GitSource>(op);
  util::make_directories(state_->options.directory);
  const GitCommand git = state_->command(source);
  const GitCommit commit = util::with_context(fmt::format("git repository `{}`", git.remote()), [&] {
    GitCommit found = state_->commit_of(git, source, stop);
    if (!found.commit.starts_with(source.checksum)) {
      throw util::Error(fmt::format("{} is commit {}, demanded is {}",
                                    source.ref.empty() ? "its default branch" : "`" + source.ref + "`", found.commit,
                                    source.checksum));
    }
    return found;
  });
  return {util::sha256_of("git/1:" + commit.commit), git.remote() + "#" + commit.commit};
}

cache::Result GitSource::fetch(const llb::SourceOp& op, const Pin&, util::ProgressTask*, std::stop_token stop) {
  const auto& source = std::get<llb::GitSource>(op);
  const GitCommand git = state_->command(source);
  cache::Result result;
  util::with_context(fmt::format("git repository `{}`", git.remote()), [&] {
    const GitCommit commit = state_->commit_of(git, source, stop);
    const Checkout checkout = state_->checkout(git, source, commit, stop);
    const fs::path directory = directory_in(checkout.tree, source.subdir);
    result.tree = std::make_shared<GitTree>(
        directory, state_->stats_of(directory),
        source.commit_time ? std::optional(checkout.commit_time) : std::nullopt, "repository `" + git.remote() + "`");
  });
  return result;
}

std::int64_t GitSource::commit_time(const llb::GitSource& op, std::stop_token stop) {
  pin(op, nullptr, stop);  // the commit that is demanded, and the directory to keep it in
  const GitCommand git = state_->command(op);
  return util::with_context(fmt::format("git repository `{}`", git.remote()), [&] {
    return state_->checkout(git, op, state_->commit_of(git, op, stop), stop).commit_time;
  });
}

void GitSource::save() noexcept {
  for (auto& [path, stats] : *state_->stats.lock()) stats->save();
}

}  // namespace source
