#pragma once

#include "tools/builder/command.h"

namespace builder {

Command tag_command();

}  // namespace builder
