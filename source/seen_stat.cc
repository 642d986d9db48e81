#include "source/seen_stat.h"

namespace source {

void SeenStat::take(const std::optional<util::FileStat>& stat) {
  state_ = stat ? State::found : State::nothing;
  if (!stat) return;
  device_ = stat->device;
  inode_ = stat->inode;
  size_ = is_device(stat->type) ? std::uint64_t{stat->rdev_major} << 32 | stat->rdev_minor : stat->size;
  mtime_ = stat->mtime;
  ctime_ = stat->ctime;
  link_count_ = stat->link_count;
  mode_ = static_cast<std::uint16_t>(stat->mode);
  type_ = stat->type;
}

std::optional<util::FileStat> SeenStat::stat() const {
  if (!found()) return std::nullopt;
  util::FileStat stat;
  stat.type = type_;
  stat.mode = mode_;
  stat.mtime = mtime_;
  stat.ctime = ctime_;
  stat.device = device_;
  stat.inode = inode_;
  stat.link_count = link_count_;
  if (is_device(type_)) {
    stat.rdev_major = static_cast<std::uint32_t>(size_ >> 32);
    stat.rdev_minor = static_cast<std::uint32_t>(size_);
  } else {
    stat.size = size_;
  }
  return stat;
}

}  // namespace source
