#include "solver/ops/file_content.h"

#include <utility>

namespace ops {
namespace {

/// `path`, which is `from` or below it, moved to `to`.
std::optional<std::string> moved(std::string_view path, std::string_view from, std::string_view to) {
  if (!path.starts_with(from)) return std::nullopt;
  std::string_view rest = path.substr(from.size());
  if (!from.empty() && !rest.empty()) {
    if (rest[0] != '/') return std::nullopt;
    rest.remove_prefix(1);
  }
  std::string result;
  result.reserve(to.size() + 1 + rest.size());
  result += to;
  if (!to.empty() && !rest.empty()) result += '/';
  result += rest;
  return result;
}

}  // namespace

FileContentRef content_in(std::shared_ptr<const cache::Tree> tree, std::string path) {
  auto content = std::make_shared<FileContent>();
  content->open = [tree = std::move(tree), path = std::move(path)] { return tree->open(path); };
  return content;
}

std::optional<std::string> CopiedFiles::source_of(std::string_view path) const {
  return moved(path, to, from);
}

std::optional<std::string> CopiedFiles::place_of(std::string_view source) const {
  return moved(source, from, to);
}

}  // namespace ops
