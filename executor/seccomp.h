#pragma once

#include <string>

#include "executor/credentials.h"

namespace executor {

/// The system call filter of a step with these capabilities, as container engines set it by default: what is not on the
/// list fails with EPERM, clone3 and what is newer than this program with ENOSYS (so that C libraries fall back),
/// address families, personalities and namespaces are limited. For the native architecture and those whose programs it
/// runs (x86-64: also i386 and x32). An array of `struct sock_filter`. Throws util::Error on an architecture that is
/// not known.
std::string make_seccomp_filter(Capabilities capabilities);

/// Puts the calling process under it, for good. Needs CAP_SYS_ADMIN in the user namespace, as "no new privileges" stays
/// off.
void load_seccomp_filter(const std::string& filter);

}  // namespace executor
