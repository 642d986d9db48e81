#pragma once

#include "tools/builder/command.h"

namespace builder {

/// `builder import`
Command import_command();
/// `builder export`
Command export_command();

}  // namespace builder
