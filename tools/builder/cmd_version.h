#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder version`.
Command version_command();

}  // namespace builder
