// Main of the tests that run sandboxes: hands over to the init when re-executed as one, and enters a user namespace
// when not root. Test cases that run sandboxes are in suites named "needs sandboxes".
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstring>
#include <iostream>

#include "executor/sandbox.h"
#include "executor/user_namespace.h"

int main(int argc, char** argv) {
  if (argc > 0 && std::strcmp(argv[0], executor::kInitName) == 0) return executor::init_main(argc, argv);
  executor::Privilege privilege = executor::enter_user_namespace_if_needed();
  doctest::Context context(argc, argv);
  if (!privilege.problem.empty()) {
    std::cerr << "tests of sandboxes are skipped: " << privilege.problem << " (" << privilege.hint << ")\n";
    context.addFilter("test-suite-exclude", "needs sandboxes*");
  }
  if (!privilege.warning.empty()) std::cerr << "note: " << privilege.warning << '\n';
  return context.run();
}
