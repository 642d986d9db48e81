#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `inspect`, `image inspect`.
Command inspect_command();

}  // namespace builder
