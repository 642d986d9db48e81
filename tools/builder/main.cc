#include <malloc.h>

#include <cstring>
#include <exception>
#include <iostream>

#include "executor/sandbox.h"
#include "tools/builder/command.h"
#include "tools/builder/render_error.h"
#include "tools/builder/usage_error.h"
#include "util/error.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  if (argc > 0 && std::strcmp(argv[0], executor::kInitName) == 0) return executor::init_main(argc, argv);
  // Small blocks that were freed are not joined each time a large one is: tens of thousands of entries are made of them.
  ::mallopt(M_MXFAST, 0);
  // Large buffers go back to the kernel. Else the limit rises with the first that is freed, and later ones stay for good.
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  try {
    return builder::parse_command_line(builder::all_commands(), argc, argv).run();
  } catch (const builder::UsageError& error) {
    std::cerr << builder::render_error(error);
    return kUsage;
  } catch (const util::Error& error) {
    std::cerr << builder::render_error(error);
    return kFailed;
  } catch (const std::exception& error) {
    std::cerr << "ERROR: " << error.what() << '\n';
    return kFailed;
  }
}
