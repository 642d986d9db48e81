#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `images`, `image ls`, `image list`.
Command images_command();

}  // namespace builder
