#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `search`.
Command search_command();

}  // namespace builder
