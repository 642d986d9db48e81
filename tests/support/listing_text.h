#pragma once

#include <span>
#include <string>

#include "oci/layer.h"
#include "util/stream.h"

namespace test {

/// A listing in its binary form.
inline std::string listing_text(std::span<const oci::LayerEntry> entries) {
  util::StringWriter to;
  oci::encode_listing(entries, to);
  return to.take();
}

}  // namespace test
