#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "cache/cache_dir.h"
#include "executor/sandbox.h"
#include "executor/user_namespace.h"
#include "tools/builder/build.h"
#include "tools/builder/call.h"
#include "tools/builder/flags.h"
#include "tools/builder/interrupt.h"
#include "tools/builder/render_error.h"
#include "util/error.h"

namespace builder {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int build_command(const CommandLine& line) {
  // The store's place depends on who the caller is, which can no longer be seen from inside a user namespace.
  const std::filesystem::path cache_root = cache::default_root();
  const CallMethod method = parse_call(line.build.call);
  const bool ask_only = line.command == CommandLine::Command::build && method.name != "build";
  if (!ask_only) executor::enter_user_namespace_if_needed();
  const Interrupt interrupt;
  try {
    if (ask_only) return call(line.build, method, cache_root, interrupt.token());
    if (line.command == CommandLine::Command::build) {
      build(line.build, cache_root, interrupt.token());
    } else {
      dump_llb(line.build, cache_root, line.dump_format);
    }
  } catch (const util::Error&) {
    if (interrupt.signal() == 0) throw;
    std::cerr << "ERROR: build interrupted\n";
    return 128 + interrupt.signal();
  }
  return 0;
}

int run(int argc, char** argv) {
  const CommandLine line = parse_command_line(argc, argv);
  switch (line.command) {
    case CommandLine::Command::help:
      std::cout << line.text;
      return 0;
    case CommandLine::Command::version:
      if (line.json) {
        std::cout << "{\"version\":\"" BUILDER_VERSION "\"}\n";
      } else {
        std::cout << "builder " BUILDER_VERSION "\n";
      }
      return 0;
    case CommandLine::Command::build:
    case CommandLine::Command::debug_dump_llb:
      return build_command(line);
  }
  return kFailed;
}

}  // namespace
}  // namespace builder

int main(int argc, char** argv) {
  if (argc > 0 && std::strcmp(argv[0], executor::kInitName) == 0) return executor::init_main(argc, argv);
  try {
    return builder::run(argc, argv);
  } catch (const builder::UsageError& error) {
    std::cerr << builder::render_error(error);
    return builder::kUsage;
  } catch (const util::Error& error) {
    std::cerr << builder::render_error(error);
    return builder::kFailed;
  } catch (const std::exception& error) {
    std::cerr << "ERROR: " << error.what() << '\n';
    return builder::kFailed;
  }
}
