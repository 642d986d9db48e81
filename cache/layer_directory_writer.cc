#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <deque>

#include "cache/layer_directory.h"
#include "cache/selection.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

namespace cache {
namespace {

constexpr int kMaxLinks = 255;
constexpr std::size_t kBufferSize = 256 * 1024;
constexpr int kCreate = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

[[noreturn]] void throw_entry(const std::string& path, const char* what) {
  util::throw_errno(fmt::format("{} `/{}` of a layer", what, path));
}

timespec to_timespec(util::Nanoseconds time) {
  constexpr util::Nanoseconds kSecond = 1'000'000'000;
  util::Nanoseconds seconds = time / kSecond;
  util::Nanoseconds rest = time % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  timespec result = {};
  result.tv_sec = static_cast<time_t>(seconds);
  result.tv_nsec = static_cast<long>(rest);
  return result;
}

void set_times(int directory, const std::string& name, util::Nanoseconds mtime) {
  timespec times[2] = {to_timespec(mtime), to_timespec(mtime)};
  if (::utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) throw_entry(name, "set the time of");
}

[[noreturn]] void throw_owner(const oci::LayerEntry& entry) {
  if (errno != EINVAL) throw_entry(entry.path, "set the owner of");
  util::SystemError error(fmt::format("set the owner of `/{}` of a layer to {}:{}: no such id in this user namespace",
                                      entry.path, entry.uid, entry.gid),
                          EINVAL);
  error.set_hint(
      "give this user more subordinate ids in /etc/subuid and /etc/subgid (65536 are usual), or run as root");
  throw error;
}

std::uint32_t file_mode(const DirectoryForm& form, const oci::LayerEntry& entry) {
  if (form.keeps_owners) return entry.mode;
  // Without privileges the files must stay readable to the one who made them.
  return (entry.mode & 0777) | (entry.is_directory() ? 0700 : 0600);
}

bool is_whiteout(const util::FileStat& stat) {
  return stat.type == util::FileType::char_device && stat.rdev_major == 0 && stat.rdev_minor == 0;
}

void note_xattr_failure(const oci::LayerEntry& entry, const std::string& name, const char* cause) {
  util::log_debug(
      fmt::format("attribute `{}` of `/{}` is not kept in the unpacked layer: {}", name, entry.path, cause));
}

void mark_opaque(int parent, const std::string& name, const DirectoryForm& form) {
  try {
    util::set_xattr(parent, name, form.opaque_xattr, "y");
  } catch (const util::SystemError& error) {
    // Nobody mounts the directories of a plain user; the listing says that it is opaque.
    if (form.keeps_owners) throw;
    util::log_debug(error.what());
  }
}

}  // namespace

LayerDirectoryWriter::LayerDirectoryWriter(const std::filesystem::path& directory, const DirectoryForm& form)
    : form_(form), root_(util::open_file(directory, O_RDONLY | O_DIRECTORY)) {}

void LayerDirectoryWriter::add(oci::LayerEntry entry, util::Reader* content) {
  using Kind = oci::LayerEntry::Kind;
  if (!entry.xattrs.empty()) std::erase_if(entry.xattrs.edit(), [](const auto& xattr) { return is_internal_xattr(xattr.first); });
  entry.path = resolve_parents(entry.path);
  if (entry.kind == Kind::whiteout) return add_whiteout(std::move(entry));
  if (entry.kind == Kind::opaque) {
    make_opaque(entry.path);
    entry.kind = Kind::node;
    return add_directory(std::move(entry));
  }
  if (!entry.hard_link.empty()) return add_hard_link(std::move(entry));
  if (entry.type == util::FileType::directory) return add_directory(std::move(entry));
  if (entry.type != util::FileType::regular) return add_special(std::move(entry));
  util::Fd fd = create_in_room(entry);
  util::StringReader empty("");
  entry.content = fill_file(fd.get(), entry, content != nullptr ? *content : empty);
  note(std::move(entry));
}

void LayerDirectoryWriter::add_opaque_marker(const std::string& path) {
  make_opaque(resolve_parents(path));
}

void LayerDirectoryWriter::make_parents(const std::string& path) {
  parent_fd(path);
}

util::Digest LayerDirectoryWriter::write_file(const oci::LayerEntry& entry, util::Reader& content) const {
  util::Fd fd = create_file(entry);
  return fill_file(fd.get(), entry, content);
}

/// As `create_file`, but replaces what is there: seldom anything, so it is not looked for first.
util::Fd LayerDirectoryWriter::create_in_room(const oci::LayerEntry& entry) {
  const std::string name = base_name(entry.path);
  util::Fd fd(::openat(parent_fd(entry.path), name.c_str(), kCreate, 0600));
  if (!fd && errno == EEXIST) {
    make_room(parent_fd(entry.path), entry.path, false);
    fd = util::Fd(::openat(parent_fd(entry.path), name.c_str(), kCreate, 0600));
  }
  if (!fd) throw_entry(entry.path, "create");
  return fd;
}

util::Digest LayerDirectoryWriter::fill_file(int fd, const oci::LayerEntry& entry, util::Reader& content) const {
  thread_local const util::Buffer buffer(kBufferSize);
  auto* knows_digest = dynamic_cast<util::DigestReader*>(&content);
  util::Sha256 hash;
  std::uint64_t size = 0;
  while (std::size_t count = content.read(buffer)) {
    util::Bytes data(buffer.data(), count);
    util::with_context(fmt::format("write `/{}` of a layer", entry.path), [&] { util::write_all(fd, data); });
    if (knows_digest == nullptr) hash.update(data);
    size += count;
  }
  if (size != entry.size) {
    throw util::Error(fmt::format("read `/{}`: it has {} bytes instead of {}", entry.path, size, entry.size));
  }
  complete_file(fd, entry);
  return knows_digest != nullptr ? knows_digest->digest() : hash.finish();
}

util::Fd LayerDirectoryWriter::create_file(const oci::LayerEntry& entry) const {
  util::Fd fd(::openat(root_.get(), entry.path.c_str(), kCreate, 0600));
  if (!fd) throw_entry(entry.path, "create");
  return fd;
}

void LayerDirectoryWriter::complete_file(int fd, const oci::LayerEntry& entry) const {
  if (form_.keeps_owners && ::fchown(fd, entry.uid, entry.gid) != 0) throw_owner(entry);
  if (::fchmod(fd, file_mode(form_, entry)) != 0) throw_entry(entry.path, "set the mode of");
  for (const auto& [name, value] : entry.xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
      note_xattr_failure(entry, name, strerrordesc_np(errno));
    }
  }
  timespec times[2] = {to_timespec(entry.mtime), to_timespec(entry.mtime)};
  if (::futimens(fd, times) != 0) throw_entry(entry.path, "set the time of");
}

void LayerDirectoryWriter::note(oci::LayerEntry entry) {
  std::string path = entry.path;
  entries_.insert_or_assign(std::move(path), std::move(entry));
}

/// The path with links among the directories above it followed, as if the layer were the root file system.
std::string LayerDirectoryWriter::resolve_parents(const std::string& path) const {
  if (links_.empty()) return path;
  std::deque<std::string> pending;
  for (std::string& part : util::split(path, '/')) pending.push_back(std::move(part));
  std::string name = std::move(pending.back());
  pending.pop_back();
  std::vector<std::string> done;
  int followed = 0;
  while (!pending.empty()) {
    std::string part = std::move(pending.front());
    pending.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(std::move(part));
    auto link = links_.find(util::join(done, "/"));
    if (link == links_.end()) continue;
    if (++followed > kMaxLinks) throw util::Error(fmt::format("unpack `/{}` of a layer: too many links", path));
    done.pop_back();
    if (link->second.starts_with('/')) done.clear();
    std::vector<std::string> target = util::split(link->second, '/');
    pending.insert(pending.begin(), target.begin(), target.end());
  }
  return join_path(util::join(done, "/"), name);
}

/// Descriptor of the directory above `path`, made when missing; valid until the next call.
int LayerDirectoryWriter::parent_fd(const std::string& path) {
  std::string parent = parent_path(path);
  if (parent.empty()) return root_.get();
  if (parent_fd_ && parent == parent_path_) return parent_fd_.get();
  util::Fd current;
  std::string walked;
  for (const std::string& part : util::split(parent, '/')) {
    walked = join_path(walked, part);
    current = open_or_make_directory(current ? current.get() : root_.get(), part, walked);
  }
  parent_fd_ = std::move(current);
  parent_path_ = std::move(parent);
  return parent_fd_.get();
}

util::Fd LayerDirectoryWriter::open_or_make_directory(int above, const std::string& name, const std::string& path) {
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  util::Fd fd(::openat(above, name.c_str(), flags));
  if (fd) return fd;
  if (errno != ENOENT) {
    util::FileStat stat = util::stat_at(above, name);
    if (!is_whiteout(stat)) {
      throw util::Error(fmt::format("unpack what is below `/{}` of a layer: it is not a directory", path));
    }
    forget(path);
    if (::unlinkat(above, name.c_str(), 0) != 0) throw_entry(path, "replace");
    opaque_.insert(path);
  }
  if (::mkdirat(above, name.c_str(), 0755) != 0 || ::fchmodat(above, name.c_str(), 0755, 0) != 0) {
    throw_entry(path, "create the directory");
  }
  implied_.insert(path);
  fd = util::Fd(::openat(above, name.c_str(), flags));
  if (!fd) throw_entry(path, "open the directory");
  if (opaque_.contains(path)) mark_opaque(above, name, form_);
  return fd;
}

/// Drops what is known of a path and of everything below it.
void LayerDirectoryWriter::forget(const std::string& path) {
  auto below = [&](const std::string& other) {
    return other == path || (other.size() > path.size() && other.starts_with(path) && other[path.size()] == '/');
  };
  auto first = entries_.lower_bound(path);
  auto last = first;
  while (last != entries_.end() && below(last->first)) ++last;
  entries_.erase(first, last);
  auto drop = [&](auto& container, const auto& key_of) {
    auto element = container.lower_bound(path);
    while (element != container.end() && key_of(*element).starts_with(path)) {
      element = below(key_of(*element)) ? container.erase(element) : std::next(element);
    }
  };
  drop(links_, [](const auto& element) -> const std::string& { return element.first; });
  auto same = [](const std::string& element) -> const std::string& { return element; };
  drop(implied_, same);
  drop(opaque_, same);
  drop(hard_linked_, same);
}

/// Removes what is at `path` so that something else can be put there; a directory stays for a directory.
void LayerDirectoryWriter::make_room(int parent, const std::string& path, bool for_directory) {
  std::string name = base_name(path);
  std::optional<util::FileStat> stat = util::find_stat_at(parent, name);
  if (!stat) return;
  if (stat->type == util::FileType::directory) {
    if (for_directory) return;
    forget(path);
    parent_fd_.reset();
    util::remove_tree(fmt::format("/proc/self/fd/{}/{}", root_.get(), path));
    parent_fd(path);
    return;
  }
  bool hides = for_directory && is_whiteout(*stat);
  forget(path);
  if (::unlinkat(parent, name.c_str(), 0) != 0) throw_entry(path, "replace");
  // Deleted and made again in the same layer: nothing of what was below shows through.
  if (hides) opaque_.insert(path);
}

void LayerDirectoryWriter::add_whiteout(oci::LayerEntry entry) {
  int parent = parent_fd(entry.path);
  std::string name = base_name(entry.path);
  if (::mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) != 0) {
    if (errno == EEXIST) {
      if (util::stat_at(parent, name).type == util::FileType::directory) make_opaque(entry.path);
      return;
    }
    if (form_.keeps_owners) throw_entry(entry.path, "mark as deleted");
  }
  oci::LayerEntry plain;
  plain.kind = oci::LayerEntry::Kind::whiteout;
  plain.path = std::move(entry.path);
  note(std::move(plain));
}

void LayerDirectoryWriter::add_directory(oci::LayerEntry entry) {
  int parent = parent_fd(entry.path);
  std::string name = base_name(entry.path);
  int result = ::mkdirat(parent, name.c_str(), 0755);
  if (result != 0 && errno == EEXIST) {
    make_room(parent, entry.path, true);
    result = ::mkdirat(parent, name.c_str(), 0755);
  }
  if (result != 0 && errno != EEXIST) throw_entry(entry.path, "create the directory");
  set_metadata(parent, name, entry);
  if (opaque_.contains(entry.path)) mark_opaque(parent, name, form_);
  implied_.erase(entry.path);
  note(std::move(entry));
}

void LayerDirectoryWriter::add_hard_link(oci::LayerEntry entry) {
  std::string target = resolve_parents(entry.hard_link);
  auto known = entries_.find(target);
  if (known == entries_.end() || known->second.kind != oci::LayerEntry::Kind::node || known->second.is_directory()) {
    throw util::Error(fmt::format("unpack `/{}` of a layer: it is a hard link to `/{}`, which is not in the layer",
                                  entry.path, target));
  }
  if (target == entry.path) return;
  oci::LayerEntry linked = known->second;
  int parent = parent_fd(entry.path);
  make_room(parent, entry.path, false);
  parent = parent_fd(entry.path);
  if (::linkat(root_.get(), target.c_str(), parent, base_name(entry.path).c_str(), 0) != 0)
    throw_entry(entry.path, "link");
  linked.path = entry.path;
  if (linked.type == util::FileType::regular) hard_linked_.insert({target, entry.path});
  if (linked.type == util::FileType::symlink) links_[entry.path] = linked.link_target;
  note(std::move(linked));
}

void LayerDirectoryWriter::add_special(oci::LayerEntry entry) {
  int parent = parent_fd(entry.path);
  std::string name = base_name(entry.path);
  make_room(parent, entry.path, false);
  parent = parent_fd(entry.path);
  if (entry.type == util::FileType::symlink) {
    if (::symlinkat(entry.link_target->c_str(), parent, name.c_str()) != 0) throw_entry(entry.path, "create the link");
    links_[entry.path] = entry.link_target;
  } else {
    mode_t type = entry.type == util::FileType::fifo           ? S_IFIFO
                  : entry.type == util::FileType::block_device ? S_IFBLK
                                                               : S_IFCHR;
    bool looks_deleted = type == S_IFCHR && entry.device_major == 0 && entry.device_minor == 0;
    if (entry.type == util::FileType::socket || looks_deleted) type = S_IFREG;
    dev_t device = makedev(entry.device_major, entry.device_minor);
    int result = ::mknodat(parent, name.c_str(), type | 0600, type == S_IFREG || type == S_IFIFO ? 0 : device);
    if (result != 0 && errno == EPERM && type != S_IFREG) {
      util::log_debug(
          fmt::format("device `/{}` of a layer is an empty file here: making devices needs real root", entry.path));
      result = ::mknodat(parent, name.c_str(), S_IFREG | 0600, 0);
    }
    if (result != 0) throw_entry(entry.path, "create the device");
  }
  set_metadata(parent, name, entry);
  note(std::move(entry));
}

/// Owner before mode, since a change of owner clears the set-id bits; the times of directories are set at the end.
void LayerDirectoryWriter::set_metadata(int parent, const std::string& name, const oci::LayerEntry& entry) const {
  if (form_.keeps_owners && ::fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw_owner(entry);
  bool link = entry.type == util::FileType::symlink;
  if (!link && ::fchmodat(parent, name.c_str(), file_mode(form_, entry), 0) != 0)
    throw_entry(entry.path, "set the mode of");
  for (const auto& [attribute, value] : entry.xattrs) {
    try {
      util::set_xattr(parent, name, attribute, value);
    } catch (const util::SystemError& error) {
      note_xattr_failure(entry, attribute, error.what());
    }
  }
  if (!entry.is_directory()) set_times(parent, name, entry.mtime);
}

void LayerDirectoryWriter::make_opaque(const std::string& path) {
  opaque_.insert(path);
  int parent = parent_fd(path);
  std::string name = base_name(path);
  make_room(parent, path, true);
  opaque_.insert(path);
  if (::mkdirat(parent, name.c_str(), 0755) == 0) {
    implied_.insert(path);
    if (::fchmodat(parent, name.c_str(), 0755, 0) != 0) throw_entry(path, "set the mode of");
  } else if (errno != EEXIST) {
    throw_entry(path, "create the directory");
  }
  mark_opaque(parent, name, form_);
}

/// The names of one inode: the first in path order is the file, the others refer to it.
void LayerDirectoryWriter::name_hard_links() {
  std::map<std::uint64_t, std::string> first;
  std::map<std::string, const std::string*, PathLess> sorted;
  for (const std::string& path : hard_linked_) sorted.emplace(path, &path);
  for (const auto& [path, name] : sorted) {
    auto entry = entries_.find(path);
    if (entry == entries_.end()) continue;
    auto [target, is_new] = first.try_emplace(util::stat_at(root_.get(), path).inode, path);
    if (!is_new) entry->second.hard_link = target->second;
  }
}

LayerDirectoryWriter::Output LayerDirectoryWriter::finish() {
  for (const std::string& path : opaque_) {
    auto entry = entries_.find(path);
    if (entry == entries_.end()) {
      oci::LayerEntry directory;
      directory.path = path;
      directory.type = util::FileType::directory;
      directory.mode = 0755;
      entry = entries_.emplace(path, std::move(directory)).first;
      implied_.erase(path);
    }
    entry->second.kind = oci::LayerEntry::Kind::opaque;
  }
  name_hard_links();
  Output output;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->second.is_directory()) set_times(root_.get(), entry->first, entry->second.mtime);
  }
  output.entries.reserve(entries_.size());
  for (auto& [path, entry] : entries_) {
    if (entry.is_file() && entry.hard_link.empty()) output.size += entry.size;
    output.entries.push_back(std::move(entry));
  }
  output.implied.assign(implied_.begin(), implied_.end());
  return output;
}

}  // namespace cache
