#include "util/check.h"

#include <cstdio>
#include <cstdlib>

namespace util {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "builder: internal error: %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace util
