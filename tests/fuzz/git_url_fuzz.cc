#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/dockerfile/remote_source.h"
#include "util/check.h"
#include "util/error.h"

using namespace dockerfile;

namespace {

void check_repository(std::string_view text, bool context) {
  try {
    std::optional<GitUrl> url = parse_git_url(text, context);
    if (!url) return;
    CHECK(!url->remote.empty());
    CHECK(!url->subdir.starts_with('/'));
    CHECK(("/" + url->subdir + "/").find("/../") == std::string::npos);
    CHECK(git_source(*url).remote == url->remote);
  } catch (const util::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_repository(text, false);
  check_repository(text, true);
  std::string shown = url_without_credentials(text);
  CHECK(shown.size() <= text.size());
  CHECK(url_without_credentials(shown) == shown);
  if (!is_http_url(text)) return 0;
  // The name becomes a path in the image.
  std::string name = http_file_name(text);
  CHECK(!name.empty() && name != "." && name != "..");
  CHECK(name.find_first_of(std::string_view("/\0", 2)) == std::string::npos);
  return 0;
}
