#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder save`
Command save_command();
/// `builder load`
Command load_command();

}  // namespace builder
