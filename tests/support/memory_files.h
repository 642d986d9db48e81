#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cache/tree.h"
#include "oci/entry_stream.h"
#include "oci/layer.h"

namespace test {

/// Entries for trees in memory, with the metadata that a test does not care about filled in.
inline oci::LayerEntry file(const std::string& path, std::uint32_t mode = 0644, std::uint32_t uid = 0,
                            std::uint32_t gid = 0) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.mode = mode;
  entry.uid = uid;
  entry.gid = gid;
  entry.mtime = 1'000'000'000'000'000'000;
  return entry;
}
inline oci::LayerEntry directory(const std::string& path, std::uint32_t mode = 0755, std::uint32_t uid = 0,
                                 std::uint32_t gid = 0) {
  oci::LayerEntry entry = file(path, mode, uid, gid);
  entry.type = util::FileType::directory;
  return entry;
}
inline oci::LayerEntry symlink(const std::string& path, const std::string& target) {
  oci::LayerEntry entry = file(path, 0777);
  entry.type = util::FileType::symlink;
  entry.link_target = target;
  return entry;
}

/// "d 755 0:0 etc", "f 644 0:0 etc/passwd", "l etc/x -> y", "h a/b = a/a", "w gone", "o 755 0:0 opaque".
inline std::string show(const oci::LayerEntry& entry) {
  using Kind = oci::LayerEntry::Kind;
  if (entry.kind == Kind::whiteout) return "w " + entry.path;
  if (!entry.hard_link.empty()) return "h " + entry.path + " = " + *entry.hard_link;
  if (entry.type == util::FileType::symlink) return "l " + entry.path + " -> " + *entry.link_target;
  char mode[8];
  std::snprintf(mode, sizeof mode, "%o", entry.mode);
  const char* kind = entry.kind == Kind::opaque                ? "o "
                     : entry.type == util::FileType::directory ? "d "
                     : entry.type == util::FileType::regular   ? "f "
                                                               : "? ";
  return kind + std::string(mode) + " " + std::to_string(entry.uid) + ":" + std::to_string(entry.gid) + " " +
         entry.path;
}
inline std::vector<std::string> show(const std::vector<oci::LayerEntry>& entries) {
  std::vector<std::string> lines;
  for (const oci::LayerEntry& entry : entries) lines.push_back(show(entry));
  return lines;
}

inline std::vector<std::string> show(oci::EntryStream& entries) {
  std::vector<std::string> lines;
  for (oci::LayerEntry entry; entries.next(entry);) lines.push_back(show(entry));
  return lines;
}

}  // namespace test
