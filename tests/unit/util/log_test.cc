#include "util/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <functional>

#include "tests/support/test_dir.h"
#include "util/fd.h"

namespace {

/// What `f` writes on standard error.
std::string standard_error_of(const std::function<void()>& f) {
  test::TestDir dir;
  util::Fd file = util::open_file(dir / "log", O_RDWR | O_CREAT);
  util::Fd saved(::dup(2));
  ::dup2(file.get(), 2);
  f();
  ::dup2(saved.get(), 2);
  return util::read_file(dir / "log");
}

}  // namespace

TEST_CASE("debug messages appear only when asked for, braces as they are") {
  std::string text = standard_error_of([] {
    util::log_debug("hidden");
    util::set_debug_logging(true);
    util::log_debug("shown {}");
    util::set_debug_logging(false);
    util::log_debug("hidden");
    util::log_warning("careful");
  });
  CHECK(text.find("hidden") == std::string::npos);
  CHECK(text.find("shown {}") != std::string::npos);
  CHECK(text.find("careful") != std::string::npos);
}
