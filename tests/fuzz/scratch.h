#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "util/temp.h"

namespace fuzz {

/// A directory for targets whose parser reads files; one per process, emptied by nobody. $TMPDIR says where.
class Scratch {
 public:
  const std::filesystem::path& path() const { return directory_.path(); }
  /// Replaces the file; makes the directories above it.
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc).write(text.data(), static_cast<std::streamsize>(text.size()));
    return file;
  }

 private:
  util::TempDir directory_{std::filesystem::temp_directory_path(), "builder-fuzz-"};
};

}  // namespace fuzz
