#include "tools/builder/archive_files.h"

#include <algorithm>
#include <array>
#include <map>

#include "cache/tree.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/tar.h"

namespace builder {
namespace {

/// Gives again what was read from the beginning.
class Rewound final : public util::Reader {
 public:
  Rewound(std::string head, util::Reader& rest) : head_(std::move(head)), rest_(rest) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t count = head_.read(buffer);
    return count != 0 ? count : rest_.read(buffer);
  }

 private:
  util::StringReader head_;
  util::Reader& rest_;
};

std::string read_head(util::Reader& data, std::size_t size) {
  std::string head(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const std::size_t count = data.read(std::as_writable_bytes(std::span(head)).subspan(have));
    if (count == 0) break;
    have += count;
  }
  head.resize(have);
  return head;
}

void visit_members(util::Reader& archive, const std::function<bool(const util::TarEntry&, util::Reader&)>& visit) {
  util::with_context("read the archive", [&] {
    const auto data = util::make_decompressor(archive);
    util::TarReader members(*data);
    while (const auto member = members.next()) {
      if (!visit(*member, members.content())) return;
    }
  });
}

oci::LayerEntry entry_of(const util::TarEntry& member) {
  oci::LayerEntry entry;
  entry.path = util::clean_relative(member.path);
  entry.type = member.type;
  entry.mode = member.mode;
  entry.link_target = member.link_target;
  return entry;
}

}  // namespace

bool is_archive(util::Reader& data) {
  std::string head = read_head(data, 6);
  if (util::detect_encoding(util::as_bytes(head)) != util::Encoding::identity) return true;
  Rewound whole(std::move(head), data);
  try {
    util::TarReader members(whole);
    return members.next().has_value();
  } catch (const util::Error&) {
    return false;
  }
}

std::optional<std::string> read_archived_file(const std::function<std::unique_ptr<util::Reader>()>& open,
                                              const std::string& path, std::size_t limit) {
  // Which member counts is known only after the last one: a later one replaces an earlier one of the same name.
  cache::MemoryTree tree;
  std::map<std::string, std::size_t> member_of;
  std::size_t number = 0;
  visit_members(*open(), [&](const util::TarEntry& member, util::Reader&) {
    const std::size_t current = number++;
    oci::LayerEntry entry = entry_of(member);
    if (entry.path.empty()) return true;
    if (member.hard_link) {
      const auto target = member_of.find(util::clean_relative(member.link_target));
      if (target != member_of.end()) member_of[entry.path] = target->second;
      entry.type = util::FileType::regular;
      entry.link_target.clear();
    } else {
      member_of[entry.path] = current;
    }
    tree.add(std::move(entry));
    return true;
  });
  const std::string resolved = cache::resolve_path(tree, path, true);
  const auto entry = tree.find(resolved);
  const auto wanted = member_of.find(resolved);
  if (!entry || !entry->is_file() || wanted == member_of.end()) return std::nullopt;
  std::optional<std::string> text;
  number = 0;
  visit_members(*open(), [&](const util::TarEntry&, util::Reader& content) {
    if (number++ != wanted->second) return true;
    text = util::read_all(content, limit);
    return false;
  });
  return text;
}

std::optional<std::int64_t> newest_member_time(util::Reader& archive) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  std::optional<std::int64_t> newest;
  visit_members(archive, [&](const util::TarEntry& member, util::Reader&) {
    newest = std::max(newest.value_or(0), member.mtime / kNanoseconds);
    return true;
  });
  return newest;
}

}  // namespace builder
