#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace test {

/// A directory of its own for a test case; removed on success, kept (and named on standard error) when the case failed.
class TestDir {
 public:
  TestDir();
  ~TestDir();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// Writes a file, making parent directories.
  void write(std::string_view name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace test
