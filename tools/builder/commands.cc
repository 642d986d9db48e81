#include "tools/builder/cmd_build.h"
#include "tools/builder/cmd_version.h"
#include "tools/builder/command.h"
#include "tools/images/cmd_import.h"
#include "tools/images/cmd_login.h"
#include "tools/images/cmd_pull.h"
#include "tools/images/cmd_push.h"
#include "tools/images/cmd_save.h"

namespace builder {

std::vector<Command> all_commands() {
  return {
      build_command(),
      pull_command(),
      push_command(),
      save_command(),
      load_command(),
      import_command(),
      export_command(),
      login_command(),
      logout_command(),
      version_command(),
      dump_llb_command(),
  };
}

}  // namespace builder
