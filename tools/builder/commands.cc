#include "tools/builder/cmd_build.h"
#include "tools/builder/cmd_version.h"
#include "tools/builder/command.h"

namespace builder {

std::vector<Command> all_commands() {
  return {
      build_command(),
      version_command(),
      dump_llb_command(),
  };
}

}  // namespace builder
