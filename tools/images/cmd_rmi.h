#pragma once

#include "tools/builder/command.h"

namespace builder {

Command rmi_command();

}  // namespace builder
