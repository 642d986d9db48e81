#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>
#include <thread>

#include "executor/sandbox.h"
#include "tools/builder/command.h"
#include "tools/builder/render_error.h"
#include "tools/builder/usage_error.h"
#include "util/error.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

/// A file of the store must not get the number of a standard stream that whoever started us has closed.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR);  // the lowest free number
  }
}

/// What is printed is data: a command whose output was lost has not succeeded.
int check_output(int status) {
  if (std::cout.flush() || status != 0) return status;
  std::cerr << builder::render_error(util::Error("write to standard output: not all of it could be written",
                                                 "see whether the disk is full, or whoever reads it has ended"));
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 0 && std::strcmp(argv[0], executor::kInitName) == 0) return executor::init_main(argc, argv);
  open_standard_streams();
  // Small blocks that were freed are not joined each time a large one is: tens of thousands of entries are made of them.
  ::mallopt(M_MXFAST, 0);
  // Large buffers go back to the kernel. Else the limit rises with the first that is freed, and later ones stay for good.
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  // What one thread leaves behind serves the next; eight heaps for each core, as is usual, would each keep their holes.
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  // Heaps begin with so much. That of a thread grows by a page at a time from there, each with a system call.
  ::mallopt(M_TOP_PAD, 1 << 20);
  try {
    return check_output(builder::parse_command_line(builder::all_commands(), argc, argv).run());
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
