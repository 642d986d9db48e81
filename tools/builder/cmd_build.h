#pragma once

#include <functional>

#include "tools/builder/build_options.h"
#include "tools/builder/command.h"

namespace builder {

/// `builder build`. `run` gets the parsed options; empty = builds.
Command build_command(std::function<int(const BuildOptions&)> run = {});
/// `builder debug dump-llb`.
Command dump_llb_command();

}  // namespace builder
