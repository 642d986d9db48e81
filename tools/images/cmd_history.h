#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `history`, `image history`.
Command history_command();

}  // namespace builder
