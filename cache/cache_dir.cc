#include "cache/cache_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string_view>

#include "cache/copy_snapshotter.h"
#include "cache/disk_result_index.h"
#include "cache/overlay_snapshotter.h"
#include "cache/reserve.h"
#include "cache/temporary.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/file_lock.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/temp.h"
#include "util/text.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersion = "1";
constexpr std::array<const char*, 6> kPrivate = {"snapshots", "listings", "locks", "mounts", "stat", "tmp"};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// A directory that has other things in it is not taken for a cache: a wrong BUILDER_ROOT would litter it.
void refuse_foreign(const fs::path& root) {
  static constexpr std::array<std::string_view, 8> kOurs = {"lock", "version", "cache.db", "oci", "tmp", "gc", "reserve", "lost+found"};
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    std::string name = entry.path().filename();
    bool ours = name.starts_with(".tmp-") || std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end() ||
                std::find(kPrivate.begin(), kPrivate.end(), name) != kPrivate.end();
    // Another process may be making the cache right now: its version comes before anything that is not known here.
    if (ours || fs::exists(root / "version")) continue;
    throw util::Error(fmt::format("use `{}` as cache: it is no cache of builder, and not empty", root.native()),
                      "name an empty or new directory in BUILDER_ROOT");
  }
}

std::optional<std::string> version_of(const fs::path& root) {
  const fs::path file = root / "version";
  if (!fs::exists(file)) return std::nullopt;
  return std::string(util::trim(util::read_file(file, 4096)));
}

void check_version(const fs::path& root) {
  const std::optional<std::string> version = version_of(root);
  if (version == kVersion) return;
  if (!version) return util::write_file_atomically(root / "version", std::string(kVersion) + "\n");
  throw util::Error(fmt::format("use `{}` as cache: it has format `{}`, this builder knows format `{}`", root.native(),
                                *version, kVersion),
                    "name another directory in BUILDER_ROOT, or delete this one");
}

void make_layout(const fs::path& layout) {
  util::make_directories(layout / "blobs" / "sha256");
  if (!fs::exists(layout / "oci-layout"))
    util::write_file_atomically(layout / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  if (fs::exists(layout / "index.json")) return;
  util::FileLock lock = util::FileLock::acquire(layout / ".index.lock", util::LockMode::exclusive);
  if (fs::exists(layout / "index.json")) return;
  util::write_file_atomically(
      layout / "index.json",
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
}

void make_directories(const fs::path& root) {
  for (const char* name : kPrivate) {
    fs::path path = root / name;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      util::throw_errno(fmt::format("create `{}`", path.native()));
  }
}

/// Finds out at the first use whether overlayfs can be had: a build without RUN does not pay for the answer.
class ChosenSnapshotter final : public Snapshotter {
 public:
  ChosenSnapshotter(LayerStore& layers, fs::path root, fs::path temporary)
      : layers_(layers), root_(std::move(root)), temporary_(std::move(temporary)) {}
  std::unique_ptr<ActiveSnapshot> prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                          std::stop_token stop) override {
    return get().prepare(chain, task, std::move(stop));
  }
  std::vector<util::Mount> view(std::span<const LayerId> chain, util::ProgressTask* task,
                                std::stop_token stop) override {
    return get().view(chain, task, std::move(stop));
  }

 private:
  Snapshotter& get() {
    std::call_once(chosen_, [&] {
      bool copy = environment("BUILDER_SNAPSHOTTER") == "copy";
      if (!copy && !overlay_usable(root_)) {
        util::log_warning("overlayfs cannot be used here; steps work on full copies, which is slow");
        copy = true;
      }
      if (copy) {
        snapshotter_ = std::make_unique<CopySnapshotter>(layers_, temporary_);
      } else {
        snapshotter_ = std::make_unique<OverlaySnapshotter>(layers_, root_, temporary_);
      }
    });
    return *snapshotter_;
  }

  LayerStore& layers_;
  fs::path root_;
  fs::path temporary_;
  std::once_flag chosen_;
  std::unique_ptr<Snapshotter> snapshotter_;
};

/// Makes and checks the directory; returns it as an absolute path without links, since mounts name it.
fs::path open_root(const fs::path& root) {
  try {
    util::make_directories(root);
    return fs::canonical(root);
  } catch (util::Error& error) {
    error.add_context(fmt::format("use `{}` as cache", root.native()));
    if (error.hint().empty()) error.set_hint("name a directory that can be written to in BUILDER_ROOT");
    throw;
  }
}

}  // namespace

fs::path default_root() {
  if (std::string named = environment("BUILDER_ROOT"); !named.empty()) return named;
  if (::geteuid() == 0) return "/var/lib/builder";
  if (std::string data = environment("XDG_DATA_HOME"); !data.empty()) return fs::path(data) / "builder";
  if (std::string home = environment("HOME"); !home.empty()) return fs::path(home) / ".local/share/builder";
  throw util::Error("find a place for the cache: neither HOME nor XDG_DATA_HOME is set",
                    "name a directory in BUILDER_ROOT");
}

struct CacheDir::State {
  State(const fs::path& path, CacheUse use)
      : root(checked_root(path)),
        lock(util::FileLock::acquire(root / "lock", util::LockMode::shared)),
        released(release(root, use)),
        temporary(prepare(root, use)),
        content(root / "oci", temporary.path()),
        records(root / "cache.db"),
        layers(root, content, records, temporary.path()),
        images(root / "oci", content),
        results(records, layers, root / "locks"),
        mounts(root / "mounts"),
        snapshots(layers, root, temporary.path()) {}

  /// Before anything is made in it.
  static fs::path checked_root(const fs::path& path) {
    fs::path root = open_root(path);
    if (!fs::exists(root / "version")) refuse_foreign(root);
    return root;
  }
  /// Not in a directory that will be refused.
  static std::unique_ptr<ReleasedReserve> release(const fs::path& root, CacheUse use) {
    if (use != CacheUse::on_full_disk || version_of(root) != kVersion) return nullptr;
    return std::make_unique<ReleasedReserve>(root);
  }
  static fs::path prepare(const fs::path& root, CacheUse use) {
    check_version(root);
    make_directories(root);
    make_layout(root / "oci");
    if (use == CacheUse::any) make_reserve(root);
    return root / "tmp";
  }

  fs::path root;
  util::FileLock lock;
  std::unique_ptr<ReleasedReserve> released;  ///< taken back before the lock is released: who waits for it may need it next
  ProcessTemporary temporary;
  ContentStore content;
  RecordStore records;
  LayerStore layers;
  ImageStore images;
  DiskResultIndex results;
  MountCache mounts;
  ChosenSnapshotter snapshots;
};

CacheDir::CacheDir(const fs::path& root, CacheUse use) : state_(std::make_unique<State>(root, use)) {}
CacheDir::~CacheDir() = default;

bool CacheDir::try_lock_exclusively() {
  if (!state_->lock.try_convert(util::LockMode::exclusive)) {
    lock_shared();
    return false;
  }
  if (state_->released) state_->released->give_up();
  return true;
}
void CacheDir::lock_exclusively(std::stop_token stop, const std::function<void()>& waiting) {
  if (!state_->lock.try_convert(util::LockMode::exclusive)) {
    if (state_->released) state_->released->take();  // else those that are waited for would use it up
    waiting();
    state_->lock.convert(util::LockMode::exclusive, std::move(stop));
  }
  if (state_->released) state_->released->give_up();  // another that ended meanwhile has set it aside
}
void CacheDir::lock_shared() {
  state_->lock.convert(util::LockMode::shared);
}
const fs::path& CacheDir::root() const {
  return state_->root;
}
fs::path CacheDir::temporary() const {
  return state_->temporary.path();
}
fs::path CacheDir::stat_directory() const {
  return state_->root / "stat";
}
ContentStore& CacheDir::content() {
  return state_->content;
}
RecordStore& CacheDir::records() {
  return state_->records;
}
LayerStore& CacheDir::layers() {
  return state_->layers;
}
ImageStore& CacheDir::images() {
  return state_->images;
}
ResultIndex& CacheDir::results() {
  return state_->results;
}
MountCache& CacheDir::mounts() {
  return state_->mounts;
}
Snapshotter& CacheDir::snapshots() {
  return state_->snapshots;
}

}  // namespace cache
