#pragma once

#include "util/fd.h"
#include "util/mount.h"

namespace executor {

/// Makes the overlay that `mount` describes, detached. As many layers as the kernel can stack (500), paths of any
/// length. `user_namespace`: opaque marks and the like are kept in user.overlay.* attributes, as only these can be
/// written there. The environment variable BUILDER_NO_LOWERDIR_ADD forces the way for kernels before 6.7 (tests).
util::Fd mount_overlay(const util::Mount& mount, bool user_namespace);

}  // namespace executor
