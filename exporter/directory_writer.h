#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "exporter/root_tree.h"
#include "util/fd.h"
#include "util/progress.h"

namespace exporter {

/// Writes root file systems into a directory. Files belong to the caller and appear whole or not at all; what was at
/// their place is replaced, other things stay. Links that are there already are never followed.
class DirectoryWriter {
 public:
  DirectoryWriter(std::filesystem::path destination, util::ProgressTask& task, std::stop_token stop);
  /// `part` names the progress of it. Throws util::Error, Cancelled.
  void write(const RootTree& root, const std::string& part);
  /// Deletes what none of the trees has.
  void remove_others();

 private:
  /// A place in the output: directory (open), name in it, and path from the top.
  struct Place {
    int directory;
    std::string name;
    std::string path;
  };

  void write_children(const RootTree& root, const std::string& directory, int fd, const std::string& output_path);
  void write_entry(const RootTree& root, const oci::LayerEntry& entry, const Place& place);
  void write_directory(const RootTree& root, const oci::LayerEntry& entry, const Place& place);
  void write_file(const RootTree& root, const oci::LayerEntry& entry, const std::string& temporary, int directory);
  bool make_link(const RootTree& root, const oci::LayerEntry& entry, const std::string& temporary, int directory);
  bool make_node(const oci::LayerEntry& entry, const std::string& temporary, int directory);
  void replace(const std::string& temporary, const Place& place);
  util::Fd enter_directory(const Place& place, mode_t mode);
  void count(std::size_t bytes);

  std::filesystem::path destination_;
  util::Fd top_;
  util::ProgressTask& task_;
  std::stop_token stop_;
  std::vector<std::byte> buffer_;
  std::string part_;
  std::int64_t written_ = 0;
  std::chrono::steady_clock::time_point last_report_{};
  std::uint64_t temporaries_ = 0;
  ClashCheck clashes_;
  std::map<std::string, std::set<std::string>> names_;  ///< by directory: what was written into it
};

}  // namespace exporter
