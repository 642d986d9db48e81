#pragma once

#include "solver/op.h"
#include "solver/ops/op_factory.h"

namespace ops {

/// A root of the graph. Never looked up: the source itself knows cheaply what is new, and yields a chain of layer ids
/// or a tree.
class SourceOp final : public solver::Op {
 public:
  SourceOp(const OpServices& services, llb::VertexRef vertex);
  solver::CacheMap cache_map(solver::OpContext& context) override;
  solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

 private:
  const OpServices& services_;
  llb::SourceOp op_;
  source::Pin pin_;
};

}  // namespace ops
