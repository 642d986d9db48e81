#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "solver/solver.h"
#include "tests/support/fake_op.h"

namespace test {

/// A store that outlives builds, and a build on it.
struct Build {
  explicit Build(cache::ResultIndex& index_, solver::SolveOptions options_ = {}) : index(index_), options(options_) {}
  solver::Result run(const llb::VertexRef& root, std::stop_token stop = {}) {
    return solver::Solver(ops.factory(), index, progress, options).solve(std::vector<llb::VertexRef>{root}, stop).roots.at(0);
  }
  cache::ResultIndex& index;
  solver::SolveOptions options;
  FakeOps ops;
  RecordingProgress progress;
};

}  // namespace test
