#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/result_index.h"
#include "llb/graph.h"
#include "solver/op.h"
#include "util/error.h"
#include "util/progress.h"

namespace solver {

struct SolveOptions {
  unsigned jobs = 0;     ///< vertices at work at once; 0 = max(8, 2 x cores): most of them wait for processes
  bool explain = false;  ///< say in the log why each vertex missed
};

struct SolveResult {
  std::vector<Result> roots;  ///< in the order of the roots asked for; a null root gives the empty chain
};

/// A vertex failed; `cause` is what it threw.
class SolveError : public util::Error {
 public:
  SolveError(llb::VertexRef vertex, const util::Error& error, std::exception_ptr cause)
      : util::Error(error.message(), error.hint()), vertex_(std::move(vertex)), cause_(std::move(cause)) {}
  const llb::VertexRef& vertex() const { return vertex_; }
  const std::exception_ptr& cause() const { return cause_; }

 private:
  llb::VertexRef vertex_;
  std::exception_ptr cause_;
};

/// Runs graphs: inputs first, equal vertices once, as parallel as the DAG allows; per vertex the chain key is looked
/// up, then the content key, then the action is run under its lock (looked up again first) and saved under both keys.
/// The first error cancels the rest. Knows no concrete op.
class Solver {
 public:
  Solver(OpFactory factory, cache::ResultIndex& index, util::ProgressSink& progress, SolveOptions options = {});
  ~Solver();
  /// Blocks; one solve at a time. Throws SolveError, or util::Cancelled when `stop` was triggered; every started vertex
  /// has ended by then. Throws cache::Damage when a layer that it wanted to use is lost: another solver makes it again.
  SolveResult solve(std::span<const llb::VertexRef> roots, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace solver
