#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/tree.h"
#include "util/stream.h"

namespace ops {

/// Where the bytes of a planned file come from. Names that share one are hard links of each other.
struct FileContent {
  std::function<std::unique_ptr<util::Reader>()> open;
};
using FileContentRef = std::shared_ptr<const FileContent>;

/// What `tree` has at `path`.
FileContentRef content_in(std::shared_ptr<const cache::Tree> tree, std::string path);

/// Files as they lie in a tree: what is planned at `to` or below it is what `tree` has at `from` or below it. One serves a
/// whole copy, for there may be very many files.
struct CopiedFiles {
  std::shared_ptr<const cache::Tree> tree;
  std::string from, to;  ///< clean
  /// Path in `tree` of what is planned at `path`; nullopt when it is not below `to`.
  std::optional<std::string> source_of(std::string_view path) const;
  /// The other way round.
  std::optional<std::string> place_of(std::string_view source) const;
};
using CopiedFilesRef = std::shared_ptr<const CopiedFiles>;

}  // namespace ops
