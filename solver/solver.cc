#include "solver/solver.h"

#include <map>

#include "solver/scheduler.h"

namespace solver {

struct Solver::State {
  OpFactory factory;
  cache::ResultIndex& index;
  util::ProgressSink& progress;
  SolveOptions options;
  std::map<util::Digest, Result> finished;  // by vertex, over all solves of this object
};

Solver::Solver(OpFactory factory, cache::ResultIndex& index, util::ProgressSink& progress, SolveOptions options)
    : state_(new State{std::move(factory), index, progress, options, {}}) {}

Solver::~Solver() = default;

SolveResult Solver::solve(std::span<const llb::VertexRef> roots, std::stop_token stop) {
  const ActionEnvironment environment{state_->factory, state_->index, state_->progress, state_->options.explain};
  Scheduler scheduler(environment, state_->options, state_->finished);
  return {scheduler.run(roots, std::move(stop))};
}

}  // namespace solver
