#pragma once

#include <isa-l/igzip_lib.h>

namespace util {

/// The functions of ISA-L that are used, under their names without `isal_`. Debian has the library in shared form only,
/// so it is opened by the first call: a build that compresses nothing starts without it.
struct IsalLibrary {
  decltype(&isal_deflate_init) deflate_init;
  decltype(&isal_deflate_reset) deflate_reset;
  decltype(&isal_deflate) deflate;
  decltype(&isal_inflate_init) inflate_init;
  decltype(&isal_inflate_reset) inflate_reset;
  decltype(&isal_inflate) inflate;
};

/// Opens ISA-L at the first call, from any thread; it stays open. Throws util::Error when it is not installed.
const IsalLibrary& isal();
/// The same, null when it is not installed.
const IsalLibrary* find_isal();

}  // namespace util
