#pragma once

#include <cstdint>
#include <optional>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/global_scope.h"

namespace dockerfile {

/// SOURCE_DATE_EPOCH (build argument, else ARG before the first FROM) may name a source that lends its time: `context`, a
/// named context, or a stage that is nothing but one remote ADD. Returns the request with the seconds in place of the name, or
/// with none where the source has no time; nullopt when it names no source. Throws DockerfileError.
std::optional<FrontendRequest> with_epoch_of_source(const Dockerfile& dockerfile, const FrontendRequest& request);

/// Value of SOURCE_DATE_EPOCH in seconds. Throws DockerfileError.
std::optional<std::int64_t> source_date_epoch(const Dockerfile& dockerfile, const FrontendRequest& request,
                                              const GlobalScope& scope);

}  // namespace dockerfile
