#include "util/compression_isal.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "util/error.h"
#include "util/stats.h"

namespace util {
namespace {

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error(fmt::format("use gzip: libisal has no `{}`", name), "builder needs ISA-L 2.30 or newer");
}

IsalLibrary load() {
  counter("libraries.opened").add();
  void* const library = dlopen("libisal.so.2", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(fmt::format("use gzip: open ISA-L: {}", dlerror()),
                "install it: package `libisal2` of Debian and Ubuntu, `isa-l` elsewhere; or give a compression-level=");
  }
  IsalLibrary table{};
  find(library, "isal_deflate_init", table.deflate_init);
  find(library, "isal_deflate_reset", table.deflate_reset);
  find(library, "isal_deflate", table.deflate);
  find(library, "isal_inflate_init", table.inflate_init);
  find(library, "isal_inflate_reset", table.inflate_reset);
  find(library, "isal_inflate", table.inflate);
  return table;
}

}  // namespace

const IsalLibrary& isal() {
  static const IsalLibrary table = load();
  return table;
}

const IsalLibrary* find_isal() {
  try {
    return &isal();
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace util
