#include "util/http_curl.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "util/error.h"
#include "util/stats.h"

namespace util {
namespace {

/// The interface has been the same since 2006; Debian has it once with each TLS library.
constexpr const char* kNames[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

void* open_library() {
  std::string cause;
  for (const char* name : kNames) {
    if (void* library = dlopen(name, RTLD_LAZY | RTLD_LOCAL)) return library;
    if (cause.empty()) cause = dlerror();
  }
  throw Error("use the network: open libcurl: " + cause, "install it: package `libcurl4` of Debian and Ubuntu, `libcurl` elsewhere");
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    throw Error(fmt::format("use the network: libcurl has no `{}`", name), "builder needs libcurl 7.85 or newer");
  }
}

CurlLibrary load() {
  counter("libraries.opened").add();
  void* const library = open_library();
  CurlLibrary table{};
  find(library, "curl_easy_cleanup", table.easy_cleanup);
  find(library, "curl_easy_getinfo", table.easy_getinfo);
  find(library, "curl_easy_init", table.easy_init);
  find(library, "curl_easy_reset", table.easy_reset);
  find(library, "curl_easy_setopt", table.easy_setopt);
  find(library, "curl_easy_strerror", table.easy_strerror);
  find(library, "curl_free", table.free);
  find(library, "curl_global_init", table.global_init);
  find(library, "curl_multi_add_handle", table.multi_add_handle);
  find(library, "curl_multi_cleanup", table.multi_cleanup);
  find(library, "curl_multi_info_read", table.multi_info_read);
  find(library, "curl_multi_init", table.multi_init);
  find(library, "curl_multi_perform", table.multi_perform);
  find(library, "curl_multi_poll", table.multi_poll);
  find(library, "curl_multi_remove_handle", table.multi_remove_handle);
  find(library, "curl_multi_strerror", table.multi_strerror);
  find(library, "curl_multi_wakeup", table.multi_wakeup);
  find(library, "curl_share_cleanup", table.share_cleanup);
  find(library, "curl_share_init", table.share_init);
  find(library, "curl_share_setopt", table.share_setopt);
  find(library, "curl_slist_append", table.slist_append);
  find(library, "curl_slist_free_all", table.slist_free_all);
  find(library, "curl_url", table.url);
  find(library, "curl_url_cleanup", table.url_cleanup);
  find(library, "curl_url_get", table.url_get);
  find(library, "curl_url_set", table.url_set);
  if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Error("start libcurl");
  return table;
}

}  // namespace

const CurlLibrary& curl() {
  static const CurlLibrary library = load();
  return library;
}

}  // namespace util
