#pragma once

#include "util/digest.h"
#include "util/stream.h"

namespace cache {

/// Reads a file whose digest is known: should the bytes turn out to be others, the read that finds the end throws. Who
/// compares digests need not hash what comes from it.
class VouchingReader : public util::Reader {
 public:
  virtual const util::Digest& vouched() const = 0;
};

}  // namespace cache
