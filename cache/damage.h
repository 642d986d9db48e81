#pragma once

#include <set>
#include <string>
#include <utility>

#include "util/digest.h"
#include "util/error.h"

namespace cache {

/// A part of the store is not what its digest says, or gone for good. Whoever throws this has dropped it, so that the
/// next one to ask for it makes or fetches it anew.
class Damage : public util::Error {
 public:
  Damage(util::Digest part, std::string message, std::string hint)
      : util::Error(std::move(message), std::move(hint)), part_(std::move(part)) {}
  /// Digest of a blob, or id of a layer.
  const util::Digest& part() const { return part_; }

 private:
  util::Digest part_;
};

/// Returns what `f` does; calls it again when Damage ended it, unless the same part was damaged twice: then making it
/// anew does not help. `f` must look up afresh what it works with.
template <typename F>
auto retry_after_damage(F&& f) -> decltype(f()) {
  constexpr std::size_t kMostParts = 1000;  // a store that falls to pieces faster than it is mended
  std::set<util::Digest> parts;
  while (true) {
    try {
      return f();
    } catch (const Damage& damage) {
      if (parts.size() == kMostParts || !parts.insert(damage.part()).second) throw;
    }
  }
}

}  // namespace cache
