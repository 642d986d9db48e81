#include "cache/overlay_snapshotter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "cache/layer_directory.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/temp.h"

namespace cache {
namespace {

std::filesystem::path make_directory(const std::filesystem::path& path) {
  if ((::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) || ::chmod(path.c_str(), 0755) != 0) {
    util::throw_errno(fmt::format("create `{}`", path.native()));
  }
  return path;
}

class OverlayActive final : public ActiveSnapshot {
 public:
  OverlayActive(const std::filesystem::path& temporary, std::vector<std::string> lower,
                std::shared_ptr<const Tree> tree)
      : home_(temporary, "active-"),
        upper_(make_directory(home_.path() / "fs")),
        work_(make_directory(home_.path() / "work")),
        lower_(std::move(lower)),
        tree_(std::move(tree)) {}

  std::vector<util::Mount> mounts() const override {
    util::Mount mount;
    mount.type = util::Mount::Type::overlay;
    mount.target = "/";
    mount.lower = lower_;
    mount.upper = upper_.native();
    mount.work = work_.native();
    return {std::move(mount)};
  }
  std::shared_ptr<const Tree> tree() const override { return tree_; }
  std::vector<oci::LayerEntry> changes() override { return scan_layer_directory(upper_); }
  std::filesystem::path directory() const override { return upper_; }

 private:
  util::TempDir home_;
  std::filesystem::path upper_;
  std::filesystem::path work_;
  std::vector<std::string> lower_;
  std::shared_ptr<const Tree> tree_;
};

/// Runs in a forked child: system calls only.
[[noreturn]] void try_overlay(const char* directory, const char* options) {
  bool usable = ::chdir(directory) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                ::mount("overlay", "merged", "overlay", 0, options) == 0 && ::unlink("merged/file") == 0 &&
                ::mkdir("merged/directory", 0755) == 0 && ::rmdir("merged/directory") == 0;
  ::_exit(usable ? 0 : 1);
}

void write_amended(const std::filesystem::path& directory, const std::set<std::string, PathLess>& paths,
                   const Tree& tree) {
  LayerDirectoryWriter writer(directory, directory_form());
  for (const std::string& path : paths) {
    std::optional<oci::LayerEntry> entry = tree.find(path);
    if (!entry || !entry->is_directory()) continue;
    entry->kind = oci::LayerEntry::Kind::node;
    writer.add(std::move(*entry), nullptr);
  }
  writer.finish();
}

}  // namespace

bool overlay_usable(const std::filesystem::path& root) {
  try {
    util::TempDir home(root / "tmp", "probe-");
    for (const char* name : {"lower", "upper", "work", "merged"}) make_directory(home.path() / name);
    util::write_file_atomically(home.path() / "lower" / "file", "");
    std::string options = "lowerdir=lower,upperdir=upper,workdir=work";
    if (directory_form().letter == 'u') options += ",userxattr";
    pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) try_overlay(home.path().c_str(), options.c_str());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
      if (errno != EINTR) return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  } catch (const util::Error& error) {
    util::log_debug(error.what());
    return false;
  }
}

OverlaySnapshotter::OverlaySnapshotter(LayerStore& layers, std::filesystem::path root, std::filesystem::path temporary)
    : layers_(layers), root_(std::move(root)), temporary_(std::move(temporary)) {}

std::string OverlaySnapshotter::empty_directory() {
  std::filesystem::path home = root_ / "snapshots" / "empty";
  util::make_directories(home);
  return make_directory(home / "fs");
}

/// A directory to lie over the topmost layer of `chain`: the layer has directories that it says nothing about, and
/// overlayfs would show them as they are in the layer; here they are as the chain has them.
std::string OverlaySnapshotter::amended_directory(std::span<const LayerId> chain,
                                                  const std::vector<std::string>& implied, std::stop_token stop) {
  Result result;
  result.layers.assign(chain.begin(), chain.end());
  std::string name = fmt::format("{}-amended-{}", directory_form().letter, chain_id(result).hex());
  std::filesystem::path home = root_ / "snapshots" / name;
  std::filesystem::path target = home / "fs";
  if (std::filesystem::exists(target)) return target;
  std::set<std::string, PathLess> paths;
  for (const std::string& path : implied) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      paths.insert(path.substr(0, slash));
    }
    paths.insert(path);
  }
  util::TempDir made(temporary_, "amended-");
  make_directory(made.path() / "fs");
  write_amended(made.path() / "fs", paths, *layers_.tree(chain, std::move(stop)));
  if (::rename(made.path().c_str(), home.c_str()) == 0) {
    made.release();
  } else if (!std::filesystem::exists(target)) {
    util::throw_errno(fmt::format("store `{}`", target.native()));
  }
  return target;
}

/// The topmost first. A layer that is in the chain twice counts once, at the top: overlayfs refuses a directory that it
/// has already, and what the lower one does, the upper one does again.
std::vector<std::string> OverlaySnapshotter::lower_directories(std::span<const LayerId> chain, util::ProgressTask* task,
                                                               std::stop_token stop) {
  std::vector<std::filesystem::path> paths = layers_.directories(chain, task, stop);
  std::vector<std::string> lower;
  std::unordered_set<util::Digest> seen;
  for (std::size_t i = chain.size(); i-- > 0;) {
    if (!seen.insert(chain[i]).second) continue;
    std::vector<std::string> implied = read_implied(paths[i]);
    if (!implied.empty()) lower.push_back(amended_directory(chain.first(i + 1), implied, stop));
    lower.push_back(paths[i].native());
  }
  if (lower.empty()) lower.push_back(empty_directory());
  return lower;
}

std::unique_ptr<ActiveSnapshot> OverlaySnapshotter::prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                                            std::stop_token stop) {
  std::vector<std::string> lower = lower_directories(chain, task, stop);
  return std::make_unique<OverlayActive>(temporary_, std::move(lower), layers_.tree(chain, stop));
}

std::vector<util::Mount> OverlaySnapshotter::view(std::span<const LayerId> chain, util::ProgressTask* task,
                                                  std::stop_token stop) {
  std::vector<std::string> lower = lower_directories(chain, task, std::move(stop));
  util::Mount mount;
  mount.target = "/";
  mount.read_only = true;
  if (chain.empty()) {
    mount.source = lower.front();
    return {std::move(mount)};
  }
  // Without an upper directory overlayfs wants two lower ones. A plain bind of one would show whiteouts as devices.
  if (lower.size() == 1) lower.push_back(empty_directory());
  mount.type = util::Mount::Type::overlay;
  mount.lower = std::move(lower);
  return {std::move(mount)};
}

}  // namespace cache
