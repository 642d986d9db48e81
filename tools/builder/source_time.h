#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "llb/op.h"
#include "tools/builder/context_remote.h"

namespace builder {

/// For SOURCE_DATE_EPOCH that names a source: a commit's time; of a download what its server says, else the newest time in it
/// when it is an archive. `remote` is borrowed.
std::function<std::optional<std::int64_t>(const llb::SourceOp&)> make_source_time(const RemoteSources& remote);

}  // namespace builder
