#pragma once

#include "oci/descriptor.h"
#include "oci/json_text.h"

namespace oci {

/// A descriptor inside a larger document.
Descriptor read_descriptor(const JsonFields& fields);
/// os, architecture, ... of an image config or of a descriptor's platform.
Platform read_platform(const JsonFields& fields);

}  // namespace oci
