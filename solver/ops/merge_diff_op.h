#pragma once

#include "solver/op.h"
#include "solver/ops/op_factory.h"

namespace ops {

/// Stacks the layers of its inputs; touches none of them.
class MergeOp final : public solver::Op {
 public:
  explicit MergeOp(llb::VertexRef vertex) : vertex_(std::move(vertex)) {}
  solver::CacheMap cache_map(solver::OpContext& context) override;
  solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

 private:
  llb::VertexRef vertex_;
};

/// What input 1 has above input 0: the upper layers when it was built on it, else one layer with the differences.
class DiffOp final : public solver::Op {
 public:
  DiffOp(const OpServices& services, llb::VertexRef vertex) : services_(services), vertex_(std::move(vertex)) {}
  solver::CacheMap cache_map(solver::OpContext& context) override;
  solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

 private:
  const OpServices& services_;
  llb::VertexRef vertex_;
};

}  // namespace ops
