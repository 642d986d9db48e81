#pragma once

#include "tools/builder/command.h"

namespace builder {

Command du_command();
Command system_df_command();

}  // namespace builder
