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

/// Reads a file whose digest is not known, and wants to hear it from who reads it to the end and takes the digest.
class LearningReader : public util::Reader {
 public:
  /// After the end: the file is not needed any more. `learn` may be long in coming.
  virtual void close() {}
  /// Called at most once, at the end.
  virtual void learn(const util::Digest& digest) = 0;
};

}  // namespace cache
