#pragma once

#include "util/error.h"

namespace builder {

/// A wrong command line; exit code 2.
class UsageError : public util::Error {
 public:
  using util::Error::Error;
};

}  // namespace builder
