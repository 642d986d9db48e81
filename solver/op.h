#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/result.h"
#include "cache/result_index.h"
#include "llb/graph.h"
#include "util/digest.h"
#include "util/progress.h"

namespace solver {

using Result = cache::Result;

/// What an op gets besides its inputs. Lives as long as the call.
struct OpContext {
  util::ProgressSink& progress;
  util::Digest task;  ///< the vertex's digest, for log events
  std::stop_token stop;
  bool substitute = true;  ///< early cutoff allowed (false under --no-cache)
  bool reused = false;     ///< set by an op that is not cacheable: what it gives was there already
};

/// How an input enters the keys.
struct CacheDep {
  /// Part of the input that the op sees, as text; goes into both keys.
  std::string selector;
  /// Content digest of that part; null when the op sees the whole input, which then counts by its chain id. For an
  /// input without chain id (a local context) it must be set.
  std::function<util::Digest(const Result& input, std::stop_token stop)> content_digest;
  /// Parts of the input for the key summary: ("file src/a.c", digest), ... Asked only when the vertex is about to run;
  /// may be null.
  std::function<std::vector<std::pair<std::string, std::string>>(const Result& input, std::stop_token stop)> describe;
};

/// How an op is keyed. Made before its inputs are solved.
struct CacheMap {
  util::Digest op_digest;      ///< canonical op; for a root, what it was pinned to
  std::vector<CacheDep> deps;  ///< one per input
  bool cacheable = true;       ///< false: run always, store nothing (local contexts)
  /// Running reads all that the content digests of inputs read in place (local contexts) read, and tells these. Then
  /// the keys of a step that cannot hit are made after it ran, so that files are read once.
  bool reads_once = false;
  /// Parts of the op for the key summary: ("instruction", …), ("env", …), ...
  cache::KeySummary summary;
};

/// Seam: what a vertex does. Made once per vertex; `cache_map` is called first, `exec` at most once. Both are called on
/// worker threads and may block; they throw util::Error, util::Cancelled.
class Op {
 public:
  virtual ~Op() = default;
  virtual CacheMap cache_map(OpContext& context) = 0;
  virtual Result exec(std::span<const Result> inputs, OpContext& context) = 0;
};

using OpFactory = std::function<std::unique_ptr<Op>(const llb::VertexRef& vertex)>;

}  // namespace solver
