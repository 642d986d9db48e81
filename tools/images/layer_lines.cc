#include "tools/images/layer_lines.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <variant>

#include "util/text.h"

namespace builder {
namespace {

constexpr std::size_t kBar = 50;
constexpr std::size_t kUsualRows = 24;

std::string bar(std::uint64_t current, std::uint64_t total) {
  if (total == 0) return {};
  const auto full = static_cast<std::size_t>(std::min(current, total) * kBar / total);
  std::string text(full, '=');
  if (full < kBar) text += '>';
  text.resize(kBar, ' ');
  return text;
}

}  // namespace

void LayerLines::set(const util::Digest& blob, const std::string& state) {
  const std::lock_guard lock(mutex_);
  draw(blob, state);
}

void LayerLines::transfer(const util::Digest& blob, const std::string& verb, std::uint64_t current, std::uint64_t total) {
  if (rows_ == 0) return;
  const std::lock_guard lock(mutex_);
  draw(blob, fmt::format("{} [{}]  {}/{}", verb, bar(current, total), util::human_size(current), util::human_size(total)));
}

void LayerLines::draw(const util::Digest& blob, const std::string& text) {
  const std::string line = fmt::format("{}: {}", short_digest(blob), text);
  const auto known = std::find(lines_.begin(), lines_.end(), blob);
  if (rows_ == 0) {
    out_ << line << '\n' << std::flush;
  } else if (known == lines_.end()) {
    lines_.push_back(blob);
    out_ << line << '\n' << std::flush;
  } else if (const auto up = lines_.end() - known; static_cast<std::size_t>(up) < rows_) {
    // A line that has left the screen cannot be reached any more.
    out_ << fmt::format("\x1b[{}A\r\x1b[2K{}\r\x1b[{}B", up, line, up) << std::flush;
  }
}

void LayerTransfers::emit(util::ProgressEvent event) {
  const auto* bytes = std::get_if<util::TaskBytes>(&event);
  if (bytes == nullptr || lines_ == nullptr || !bytes->id.starts_with(prefix_)) return;
  const auto blob = util::Digest::find(bytes->id.substr(prefix_.size()));
  if (!blob || !layers_.contains(*blob)) return;
  lines_->transfer(*blob, verb_, static_cast<std::uint64_t>(bytes->current), static_cast<std::uint64_t>(bytes->total));
}

std::size_t terminal_rows(int fd) {
  if (::isatty(fd) != 1) return 0;
  winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kUsualRows;
  return size.ws_row;
}

std::string short_digest(const util::Digest& digest) { return std::string(digest.hex().substr(0, 12)); }

}  // namespace builder
