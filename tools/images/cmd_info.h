#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `info`, `system info`.
Command info_command();

}  // namespace builder
