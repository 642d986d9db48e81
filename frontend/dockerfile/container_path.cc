#include "frontend/dockerfile/container_path.h"

#include <vector>

namespace dockerfile {
namespace {

void append_elements(std::vector<std::string_view>& elements, std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view element = path.substr(0, slash);
    if (element == "..") {
      if (!elements.empty()) elements.pop_back();
    } else if (!element.empty() && element != ".") {
      elements.push_back(element);
    }
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string join_path(std::string_view base, std::string_view path) {
  std::vector<std::string_view> elements;
  if (!path.starts_with('/')) append_elements(elements, base);
  append_elements(elements, path);
  std::string result;
  for (const std::string_view element : elements) {
    result += '/';
    result += element;
  }
  return result.empty() ? "/" : result;
}

std::string join_directory_path(std::string_view base, std::string_view path) {
  std::string result = join_path(base, path);
  const bool directory = path.empty() || path == "." || path.ends_with('/') || path.ends_with("/.");
  if (directory && result != "/") result += '/';
  return result;
}

std::string base_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name == "." || name == ".." ? std::string() : std::string(name);
}

}  // namespace dockerfile
