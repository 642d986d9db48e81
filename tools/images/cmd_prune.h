#pragma once

#include "tools/builder/command.h"

namespace builder {

Command prune_command();
Command image_prune_command();
Command system_prune_command();

}  // namespace builder
