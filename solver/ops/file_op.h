#pragma once

#include "llb/op.h"
#include "solver/op.h"
#include "solver/ops/op_factory.h"

namespace ops {

/// COPY, ADD, WORKDIR and their kin: plans the layer in memory and commits it.
class FileOp final : public solver::Op {
 public:
  FileOp(const OpServices& services, llb::VertexRef vertex)
      : services_(services), vertex_(std::move(vertex)), op_(std::get<llb::FileOp>(vertex_->op())) {}
  solver::CacheMap cache_map(solver::OpContext& context) override;
  solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

 private:
  const OpServices& services_;
  llb::VertexRef vertex_;
  const llb::FileOp& op_;
};

}  // namespace ops
