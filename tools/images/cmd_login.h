#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder login`
Command login_command();
/// `builder logout`
Command logout_command();

}  // namespace builder
