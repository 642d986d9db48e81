#include "tools/builder/cmd_build.h"
#include "tools/builder/cmd_version.h"
#include "tools/builder/command.h"
#include "tools/images/cmd_diff.h"
#include "tools/images/cmd_du.h"
#include "tools/images/cmd_history.h"
#include "tools/images/cmd_images.h"
#include "tools/images/cmd_import.h"
#include "tools/images/cmd_info.h"
#include "tools/images/cmd_inspect.h"
#include "tools/images/cmd_login.h"
#include "tools/images/cmd_prune.h"
#include "tools/images/cmd_pull.h"
#include "tools/images/cmd_push.h"
#include "tools/images/cmd_rmi.h"
#include "tools/images/cmd_save.h"
#include "tools/images/cmd_search.h"
#include "tools/images/cmd_tag.h"

namespace builder {

std::vector<Command> all_commands() {
  return {
      build_command(),
      images_command(),
      inspect_command(),
      history_command(),
      diff_command(),
      search_command(),
      pull_command(),
      push_command(),
      save_command(),
      load_command(),
      import_command(),
      export_command(),
      login_command(),
      logout_command(),
      tag_command(),
      rmi_command(),
      image_prune_command(),
      prune_command(),
      du_command(),
      system_df_command(),
      system_prune_command(),
      info_command(),
      version_command(),
      dump_llb_command(),
  };
}

}  // namespace builder
