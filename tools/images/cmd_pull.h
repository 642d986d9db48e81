#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder pull`
Command pull_command();

}  // namespace builder
