#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "util/fd.h"
#include "util/stream.h"
#include "util/temp.h"

namespace exporter {

/// Where an archive goes: a file that appears whole or not at all, a device or fifo that is there already, or standard
/// output ("-"). Writes are gathered into large ones.
class OutputFile final : public util::Writer {
 public:
  /// Missing directories above `destination` are made. Throws util::Error.
  explicit OutputFile(const std::string& destination);
  void write(util::Bytes data) override;
  /// Appends the next `size` bytes of file `from`, within the kernel where it can. Throws util::Error, util::Cancelled.
  void append(int from, std::uint64_t size, const std::stop_token& stop);
  /// Bytes written so far, and taken back to so many; of what `is_hidden` says only.
  std::uint64_t size();
  void cut(std::uint64_t size);
  /// Corrects bytes written before; of the same. Throws util::Error.
  void write_at(std::uint64_t position, util::Bytes data);
  /// Flushes, and makes the file visible.
  void finish() override;

  /// Is it going to be a file of which nothing is to be seen before it is finished, not even in a context that the directory is in?
  static bool is_hidden(const std::string& destination);
  /// Could `destination` be written? Cheap; nothing is made. Throws util::Error.
  static void check(const std::string& destination);

 private:
  void flush();

  std::optional<util::AtomicFile> file_;
  util::Fd special_;
  int fd_ = -1;
  std::vector<std::byte> buffer_;
};

/// `destination` for people: "`out.tar`", "standard output".
std::string display_destination(const std::string& destination);

/// Could files be made in `directory`, which may be missing with its parents? Throws util::Error.
void check_directory(const std::filesystem::path& directory);

}  // namespace exporter
