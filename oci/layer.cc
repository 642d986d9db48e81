#include "oci/layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "util/check.h"
#include "util/error.h"

namespace oci {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kMeta = ".wh..wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::size_t kCopyBuffer = std::size_t{256} << 10;

std::string_view base_name(std::string_view path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// Directory of a path with its slash, or nothing.
std::string_view directory_of(std::string_view path) {
  return path.substr(0, path.size() - base_name(path).size());
}

/// A name of an archive as a clean relative path, "" for the root. One that leads out of the root is an attack.
std::string clean_member_path(const std::string& name) {
  std::string clean;
  std::string_view rest = name;
  while (!rest.empty()) {
    std::size_t slash = rest.find('/');
    std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (clean.empty()) throw util::Error(fmt::format("read layer: name `{}` leads out of the image", name));
      std::string_view parent = directory_of(clean);
      clean.resize(parent.empty() ? 0 : parent.size() - 1);
      continue;
    }
    if (!clean.empty()) clean.push_back('/');
    clean.append(part);
  }
  return clean;
}

LayerEntry node_entry(util::TarEntry&& from, std::string path) {
  LayerEntry entry;
  entry.path = std::move(path);
  entry.type = from.type;
  entry.mode = from.mode;
  entry.uid = from.uid;
  entry.gid = from.gid;
  entry.mtime = from.mtime;
  entry.device_major = from.device_major;
  entry.device_minor = from.device_minor;
  entry.xattrs = std::move(from.xattrs);
  if (from.hard_link) {
    entry.hard_link = clean_member_path(from.link_target);
    if (entry.hard_link.empty())
      throw util::Error(fmt::format("read layer: `{}` is a hard link to the root", entry.path));
  } else {
    entry.size = from.size;
    entry.link_target = std::move(from.link_target);
  }
  return entry;
}

/// A name that begins with ".wh." stands for something else. nullopt: not to be shown (the book-keeping of AUFS).
std::optional<LayerEntry> marker_entry(const std::string& path) {
  std::string_view name = base_name(path);
  std::string_view directory = directory_of(path);
  LayerEntry entry;
  if (name == kOpaque) {
    if (directory.empty()) throw util::Error("read layer: it hides the whole root directory, which is not supported");
    entry.kind = LayerEntry::Kind::opaque;
    entry.type = util::FileType::directory;
    entry.path = directory.substr(0, directory.size() - 1);
    return entry;
  }
  if (name.starts_with(kMeta)) return std::nullopt;
  std::string_view hidden = name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    throw util::Error(fmt::format("read layer: `{}` is no valid whiteout", path));
  }
  entry.kind = LayerEntry::Kind::whiteout;
  entry.path = std::string(directory).append(hidden);
  return entry;
}

bool is_below_meta(std::string_view path) {
  return path.starts_with(kMeta) || directory_of(path).find("/.wh..wh.") != std::string_view::npos;
}

}  // namespace

bool path_less(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t at = 0;
  // Neighbours share most of their paths: by words to where they differ.
  for (std::uint64_t in_a = 0, in_b = 0; at + sizeof in_a <= shorter; at += sizeof in_a) {
    std::memcpy(&in_a, a.data() + at, sizeof in_a);
    std::memcpy(&in_b, b.data() + at, sizeof in_b);
    if (in_a != in_b) break;
  }
  while (at < shorter && a[at] == b[at]) ++at;
  if (at == shorter) return a.size() < b.size();
  if (a[at] == '/' || b[at] == '/') return a[at] == '/';
  return static_cast<unsigned char>(a[at]) < static_cast<unsigned char>(b[at]);
}

void sort_entries(std::vector<LayerEntry>& entries) {
  auto less = [](const LayerEntry& a, const LayerEntry& b) { return path_less(a.path, b.path); };
  if (!std::is_sorted(entries.begin(), entries.end(), less)) std::stable_sort(entries.begin(), entries.end(), less);
}

struct LayerWriter::State {
  explicit State(util::Writer& to) : tar(to) {}

  // Whole seconds, as other builders write them: fractions would cost two blocks for every file.
  util::TarWriter tar;
  util::Buffer buffer;

  void add_marker(const std::string& path) {
    util::TarEntry marker;
    marker.path = path;
    tar.add(marker);
  }

  void add_member(const LayerEntry& entry);
  /// `next()` gives the next bytes, none at the end.
  template <typename F>
  void write_content(const LayerEntry& entry, const F& next) {
    std::uint64_t done = 0;
    for (util::Bytes part = next(); !part.empty(); part = next()) {
      done += part.size();
      if (done > entry.size) break;
      tar.write(part);
    }
    if (done != entry.size) {
      throw util::Error(fmt::format("write `{}` to a layer: it has {} than the {} bytes it had before", entry.path,
                                    done < entry.size ? "fewer" : "more", entry.size),
                        "the file was changed while it was read");
    }
  }
};

LayerWriter::LayerWriter(util::Writer& to) : state_(std::make_unique<State>(to)) {}

LayerWriter::~LayerWriter() = default;

void LayerWriter::add(const LayerEntry& entry, util::Reader* content) {
  state_->add_member(entry);
  if (!entry.is_file() || !entry.hard_link.empty()) return;
  if (content == nullptr && entry.size != 0) throw util::Error(fmt::format("write `{}` to a layer: no content", entry.path));
  if (content == nullptr) return;
  util::Buffer& buffer = state_->buffer;
  if (buffer.empty()) buffer = util::Buffer(kCopyBuffer);
  state_->write_content(entry, [&] { return util::Bytes(buffer).first(content->read(buffer)); });
}

void LayerWriter::add(const LayerEntry& entry, util::BlockReader& content) {
  CHECK(entry.is_file() && entry.hard_link.empty());
  state_->add_member(entry);
  state_->write_content(entry, [&] { return content.next_block(); });
}

void LayerWriter::State::add_member(const LayerEntry& entry) {
  std::string_view name = base_name(entry.path);
  if (entry.kind == LayerEntry::Kind::whiteout) {
    return add_marker(std::string(directory_of(entry.path)).append(kWhiteout).append(name));
  }
  if (name.starts_with(kWhiteout)) {
    throw util::Error(
        fmt::format("write `{}` to a layer: names that begin with `.wh.` mark deleted files there", entry.path));
  }
  util::TarEntry member;
  member.path = entry.path;
  member.type = entry.type;
  member.mode = entry.mode;
  member.uid = entry.uid;
  member.gid = entry.gid;
  member.mtime = entry.mtime;
  if (entry.hard_link.empty()) {
    member.size = entry.is_file() ? entry.size : 0;
    member.link_target = entry.link_target;
    member.device_major = entry.device_major;
    member.device_minor = entry.device_minor;
    member.xattrs = entry.xattrs;
  } else {
    // The first name carries what belongs to the file.
    member.hard_link = true;
    member.link_target = entry.hard_link;
  }
  tar.add(member);
  if (entry.kind == LayerEntry::Kind::opaque) add_marker(entry.path + "/" + std::string(kOpaque));
}

void LayerWriter::finish() {
  state_->tar.finish();
}

void read_layer(util::Reader& tar, const std::function<void(LayerEntry& entry, util::Reader* content)>& visit) {
  util::TarReader reader(tar);
  while (std::optional<util::TarEntry> member = reader.next()) {
    std::string path = clean_member_path(member->path);
    if (path.empty() || is_below_meta(directory_of(path))) continue;
    if (base_name(path).starts_with(kWhiteout)) {
      if (std::optional<LayerEntry> marker = marker_entry(path)) visit(*marker, nullptr);
      continue;
    }
    LayerEntry entry = node_entry(std::move(*member), std::move(path));
    bool has_content = entry.is_file() && entry.hard_link.empty();
    visit(entry, has_content ? &reader.content() : nullptr);
  }
}

}  // namespace oci
