#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/seen_stat.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/stream.h"

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

/// The names of a directory, sorted by their bytes. Not thread-safe.
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
  /// Takes over all that `names` has.
  void replace(SeenNames names);
  void set_link_target(const SeenName& seen, std::string_view target);

  /// Bytes of memory beside the object itself.
  std::size_t bytes() const { return seen_.capacity() * sizeof(SeenName) + texts_.capacity(); }
  /// How much there is to be stored.
  struct Size {
    std::uint32_t names = 0, text = 0;
    std::size_t bytes() const { return names * sizeof(SeenName) + text; }
  };
  Size size() const { return {static_cast<std::uint32_t>(seen_.size()), static_cast<std::uint32_t>(texts_.size())}; }
  /// Writes all there is into the first `size().bytes()` bytes, for this process to `load`.
  void store(std::span<std::byte> to) const;
  /// Becomes what was stored with that size.
  void load(const Size& size, util::Bytes from);
  /// Since `load`.
  bool changed() const { return changed_; }

 private:
  std::vector<SeenName> seen_;
  std::string texts_;
  bool changed_ = true;
};

}  // namespace source
