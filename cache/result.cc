#include "cache/result.h"

#include "util/check.h"

namespace cache {

util::Digest chain_id(const Result& result) {
  CHECK(result.tree == nullptr);
  util::Hasher hasher("chain/1");
  hasher.number("layers", static_cast<std::int64_t>(result.layers.size()));
  for (const LayerId& layer : result.layers) hasher.field("layer", layer);
  return hasher.finish();
}

}  // namespace cache
