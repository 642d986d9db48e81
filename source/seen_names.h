#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/seen_stat.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/spill_file.h"

namespace source {

/// What is known of one name in a directory; members are filled when they are needed. Nothing but bytes, since very many are
/// kept; texts are in the SeenNames.
struct SeenName {
  SeenStat stat;                       ///< of what is there, hidden or not
  std::optional<util::FileType> type;  ///< as the directory says
  std::optional<bool> visible;
  bool trusted = false;  ///< as long as the stat is the same, the content has this digest
  util::Digest digest;

 private:
  friend class SeenNames;
  std::uint32_t name_at_ = 0, link_at_ = 0, link_size_ = 0;
  std::uint16_t name_size_ = 0;
};

/// The names of a directory, sorted by their bytes. They can be put out of memory and come back. Not thread-safe.
class SeenNames {
 public:
  auto begin() const { return seen_.begin(); }
  auto end() const { return seen_.end(); }
  std::string_view name(const SeenName& seen) const { return std::string_view(texts_).substr(seen.name_at_, seen.name_size_); }
  /// Of a symlink, if it is known.
  std::string_view link_target(const SeenName& seen) const { return std::string_view(texts_).substr(seen.link_at_, seen.link_size_); }
  const SeenName* find(std::string_view name) const;

  /// To be changed; good until a name is added.
  SeenName& edit(const SeenName& seen) {
    changed_ = true;
    return const_cast<SeenName&>(seen);
  }
  /// Adds the name unless it is there.
  SeenName& make(std::string_view name);
  /// Makes room for that many with so many bytes of text.
  void reserve(std::size_t count, std::size_t text);
  /// Adds a name that sorts behind all there are, with what is known of it from elsewhere.
  SeenName& append(std::string_view name, SeenName known = {}, std::string_view link_target = {});
  /// Takes over all that `names` has, which was never spilled.
  void replace(SeenNames names);
  void set_link_target(const SeenName& seen, std::string_view target);

  /// Bytes of memory that spilling would give back.
  std::size_t bytes() const { return spilled_ ? 0 : seen_.capacity() * sizeof(SeenName) + texts_.capacity(); }
  bool is_spilled() const { return spilled_; }
  /// Gives the memory back. False if there is no room in `file`. Until `restore` nothing else may be called.
  bool spill(util::SpillFile& file);
  /// Throws util::Error.
  void restore(const util::SpillFile& file);

 private:
  std::vector<SeenName> seen_;
  std::string texts_;
  bool changed_ = true;  ///< since it was spilled last
  bool spilled_ = false;
  std::optional<std::uint64_t> position_;            ///< where it was spilled
  std::uint32_t stored_names_ = 0, stored_text_ = 0;  ///< how much is there
};

}  // namespace source
