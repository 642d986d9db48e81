#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder push`
Command push_command();

}  // namespace builder
