#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "solver/ops/layer_plan.h"
#include "util/digest.h"
#include "util/fd.h"

namespace ops {

/// Keeps the contents of unpacked archives in one nameless temporary file until the layer has been committed. What it
/// hands out may outlive it.
class Spool {
 public:
  /// `directory`: where the file is made; empty = the system's place for temporary files.
  explicit Spool(std::filesystem::path directory) : directory_(std::move(directory)) {}

  struct Item {
    FileContentRef content;
    std::uint64_t size = 0;
    util::Digest digest;
  };
  /// Appends everything that `from` yields.
  Item add(util::Reader& from);

 private:
  std::filesystem::path directory_;
  std::shared_ptr<util::Fd> file_;  // made on first use
  std::uint64_t end_ = 0;
};

}  // namespace ops
