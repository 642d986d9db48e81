#pragma once

#include <memory>

#include "executor/executor.h"
#include "llb/op.h"
#include "solver/op.h"
#include "solver/ops/exec_mounts.h"
#include "solver/ops/op_factory.h"
#include "solver/ops/step_log.h"

namespace ops {

/// RUN: one process in a sandbox on the root file system of input 0. Throws ProcessFailed when it is unsuccessful.
class ExecOp final : public solver::Op {
 public:
  ExecOp(const OpServices& services, std::shared_ptr<ClearedCaches> cleared, llb::VertexRef vertex)
      : services_(services),
        cleared_(std::move(cleared)),
        vertex_(std::move(vertex)),
        op_(std::get<llb::ExecOp>(vertex_->op())) {}
  solver::CacheMap cache_map(solver::OpContext& context) override;
  solver::Result exec(std::span<const solver::Result> inputs, solver::OpContext& context) override;

 private:
  executor::ProcessSpec process_spec() const;
  void run(const executor::ProcessSpec& process, const executor::MountPlan& plan, solver::OpContext& context);

  const OpServices& services_;
  std::shared_ptr<ClearedCaches> cleared_;
  llb::VertexRef vertex_;
  const llb::ExecOp& op_;
};

}  // namespace ops
