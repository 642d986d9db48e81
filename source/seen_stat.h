#pragma once

#include <cstdint>
#include <optional>

#include "util/fs.h"

namespace source {

/// What lstat said of a name, if it was asked: small, since very many are kept. Owners, of which a context has no use, are 0.
class SeenStat {
 public:
  /// nullopt: nothing is there.
  void take(const std::optional<util::FileStat>& stat);
  bool taken() const { return state_ != State::none; }
  bool found() const { return state_ == State::found; }  ///< taken, and something is there
  util::FileType type() const { return type_; }           ///< of what was found
  /// What was taken; nullopt unless something was found.
  std::optional<util::FileStat> stat() const;

 private:
  enum class State : std::uint8_t { none, nothing, found };
  std::uint64_t device_ = 0, inode_ = 0;
  std::uint64_t size_ = 0;  ///< of devices, which have none, their numbers
  util::Nanoseconds mtime_ = 0, ctime_ = 0;
  std::uint32_t link_count_ = 0;
  std::uint16_t mode_ = 0;
  util::FileType type_ = util::FileType::regular;
  State state_ = State::none;
};

inline bool is_device(util::FileType type) {
  return type == util::FileType::char_device || type == util::FileType::block_device;
}

}  // namespace source
