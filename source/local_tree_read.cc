#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "cache/selection.h"
#include "source/local_tree.h"
#include "source/seen_file.h"
#include "util/error.h"
#include "util/stats.h"
#include "util/stream.h"

namespace source {

using cache::base_name;
using cache::parent_path;
using util::FileType;

/// A file that nobody has read yet: who takes its digest while reading saves the key's pass over it.
class LocalTree::UnhashedReader final : public cache::LearningReader {
 public:
  /// `tree` must outlive the reader.
  UnhashedReader(const LocalTree& tree, SeenFile file) : tree_(tree), file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> buffer) override { return file_.read(buffer); }
  void close() override { unchanged_ = file_.close(); }
  void learn(const util::Digest& digest) override {
    if (!unchanged_) close();
    tree_.remember(file_.path(), file_.stat(), digest, *unchanged_, file_.opened());
  }

 private:
  const LocalTree& tree_;
  SeenFile file_;
  std::optional<bool> unchanged_;  ///< once it is closed
};

/// Reading leaves no trace: a time of last access for each of many files would be as many inodes to be written.
util::Fd LocalTree::open_path(const std::string& path, int flags) const {
  const std::string_view name = path.empty() ? "." : std::string_view(path);
  try {
    try {
      return util::open_in_root(root_.get(), name, flags | O_NOFOLLOW | O_NOATIME);
    } catch (const util::SystemError& error) {
      if (error.code() != EPERM) throw;  // that is for the owner only
    }
    return util::open_in_root(root_.get(), name, flags | O_NOFOLLOW);
  } catch (util::Error& error) {
    error.add_context(fmt::format("read `{}` in `{}`", name, name_));
    throw;
  }
}

/// Files are opened directory by directory: from the second on, the way to it is not walked again.
util::Fd LocalTree::open_file(const std::string& path) const {
  // Not blocking, in case a pipe took the place of the file.
  constexpr int kFlags = O_RDONLY | O_NONBLOCK;
  if (const std::size_t slash = path.rfind('/'); slash != std::string::npos) {
    if (const std::shared_ptr<util::Fd> directory = last_directory(path.substr(0, slash))) {
      util::Fd file(::openat(directory->get(), path.c_str() + slash + 1, kFlags | O_NOFOLLOW | O_NOATIME | O_CLOEXEC));
      if (file) return file;
    }
  }
  // What stands in the way is found out there, and that leaving a trace cannot be helped.
  return open_path(path, kFlags);
}

/// Null when it was another one last time, or cannot be opened.
std::shared_ptr<util::Fd> LocalTree::last_directory(std::string path) const {
  auto last = last_directory_.lock();
  if (last->path != path) {
    *last = {std::move(path), nullptr};
    return nullptr;
  }
  try {
    if (last->fd == nullptr) last->fd = std::make_shared<util::Fd>(util::open_in_root(root_.get(), path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  } catch (const util::SystemError&) {
    return nullptr;
  }
  return last->fd;
}

std::unique_ptr<util::Reader> LocalTree::open(const std::string& path) const {
  const Stat found = stat(path);
  if (!found || !visible(path, found->type)) {
    throw util::Error(fmt::format("read `{}` in `{}`: no such file or directory", path, name_));
  }
  if (found->type == FileType::socket) return std::make_unique<util::StringReader>("");
  if (found->type != FileType::regular)
    throw util::Error(fmt::format("read `{}` in `{}`: not a regular file", path, name_));
  static util::Counter& count = util::counter("context.files_read");
  count.add();
  util::Fd fd = open_file(path);
  const auto parent = directory(parent_path(path));
  const SeenName* seen = parent->names.find(base_name(path));
  if (seen != nullptr && seen->trusted)
    return std::make_unique<UnchangedReader>(SeenFile(std::move(fd), path, *found), seen->digest);
  return std::make_unique<UnhashedReader>(*this, SeenFile(std::move(fd), path, *found));
}

std::optional<util::Digest> LocalTree::known_digest(const std::string& path) const {
  const std::string parent_name = parent_path(path), name = base_name(path);
  Stat found;
  {
    const auto parent = directory(parent_name);
    const SeenName* seen = parent->names.find(name);
    if (seen != nullptr && seen->digest) return seen->digest;
    if (seen != nullptr && seen->stat.taken()) found = seen->stat.stat();
  }
  if (!found) found = stat(path);
  if (!found || found->type != FileType::regular || !visible(path, found->type)) return std::nullopt;
  if (const std::optional<util::Digest> digest = stats_->find(path, *found)) {
    const auto parent = directory(parent_name);
    SeenName& seen = parent->names.make(name);
    seen.digest = *digest;
    seen.trusted = true;
    return digest;
  }
  if (found->link_count <= 1) return std::nullopt;
  // Another name of a file has its content; what was read under that name counts.
  const std::string first = other_name(path, *found);
  if (first.empty()) return std::nullopt;
  const Stat other = stat(first);
  return other && same_file(*other, *found) ? known_digest(first) : std::nullopt;
}

util::Digest LocalTree::content_digest(const std::string& path, const std::stop_token& stop) const {
  if (std::optional<util::Digest> known = known_digest(path)) return *known;
  return hash(path, stop);
}

util::Digest LocalTree::hash(const std::string& path, const std::stop_token& stop) const {
  util::Sha256 hash;
  const util::Nanoseconds since = util::now_nanoseconds();
  std::unique_ptr<util::Reader> reader = open(path);
  thread_local const util::Buffer buffer(128 << 10);
  while (std::size_t count = reader->read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    hash.update(util::Bytes(buffer).first(count));
  }
  const Stat before = stat(path), after = util::find_stat_at(root_.get(), path);
  const bool same = before && after && after->type == FileType::regular && same_file(*before, *after);
  return remember(path, before ? *before : util::FileStat(), hash.finish(), same, since);
}

util::Digest LocalTree::remember(const std::string& path, const util::FileStat& stat, const util::Digest& digest,
                                 bool same, util::Nanoseconds since) const {
  const bool trusted = same && stats_->put(path, stat, digest, since);
  const auto parent = directory(parent_path(path));
  SeenName& seen = parent->names.make(base_name(path));
  // Of several that read at the same time the first counts.
  if (seen.digest) return seen.digest;
  seen.digest = digest;
  seen.trusted = trusted;
  return digest;
}

}  // namespace source
