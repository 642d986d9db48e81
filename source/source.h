#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/result.h"
#include "llb/op.h"
#include "util/digest.h"
#include "util/progress.h"

namespace source {

/// What a source was pinned to: the identity of what it yields.
struct Pin {
  util::Digest digest;      ///< image: manifest; git: of the commit; http: of the content; empty for a local directory
  std::string description;  ///< for people
};

/// Seam: one kind of graph root.
class Source {
 public:
  virtual ~Source() = default;
  /// Cheap; may use the network. Throws util::Error, Cancelled.
  virtual Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) = 0;
  /// The result; for an image just the chain of diff ids, registered in the layer store, without moving layer bytes.
  virtual cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task,
                              std::stop_token stop) = 0;
  /// Whether all the bytes of such a result are in the store: to say so, not to rely on.
  virtual bool is_here(const cache::Result&) { return false; }
};

/// One of each kind; dispatch by variant. References are borrowed and may be null where a kind is not offered.
struct SourceSet {
  Source* image = nullptr;
  Source* local = nullptr;
  Source* http = nullptr;
  Source* git = nullptr;
  /// Throws util::Error when that kind is absent.
  Source& get(const llb::SourceOp& op) const;
};

}  // namespace source
