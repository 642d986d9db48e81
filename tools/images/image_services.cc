#include "tools/images/image_services.h"

#include <utility>

namespace builder {

ImageServices::ImageServices(const std::filesystem::path& root, util::ProgressSink& progress, bool pull,
                             std::stop_token stop)
    : cache(root),
      source(cache.content(), cache.layers(), cache.images(), cache.records(), registry, progress,
             {pull, std::move(stop)}) {
  cache.layers().set_fetcher(
      [this](const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task,
             std::stop_token fetch_stop) { source.fetch_blob(blob, origin, task, std::move(fetch_stop)); });
}

std::optional<oci::Platform> parse_platform(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return oci::Platform::parse(text);
}

bool has_tag_or_digest(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  return last.find_first_of(":@") != std::string_view::npos;
}

}  // namespace builder
