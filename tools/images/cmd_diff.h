#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `diff`, `image diff`.
Command diff_command();

}  // namespace builder
