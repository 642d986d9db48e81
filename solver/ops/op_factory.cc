#include "solver/ops/op_factory.h"

#include "solver/ops/exec_op.h"
#include "solver/ops/file_op.h"
#include "solver/ops/merge_diff_op.h"
#include "solver/ops/source_op.h"

namespace ops {
namespace {

/// One overload per alternative of llb::Op; the compiler lists the missing ones.
struct Maker {
  const OpServices& services;
  const std::shared_ptr<ClearedCaches>& cleared;
  const llb::VertexRef& vertex;

  using OpPtr = std::unique_ptr<solver::Op>;
  OpPtr operator()(const llb::ImageSource&) const { return std::make_unique<SourceOp>(services, vertex); }
  OpPtr operator()(const llb::LocalSource&) const { return std::make_unique<SourceOp>(services, vertex); }
  OpPtr operator()(const llb::HttpSource&) const { return std::make_unique<SourceOp>(services, vertex); }
  OpPtr operator()(const llb::GitSource&) const { return std::make_unique<SourceOp>(services, vertex); }
  OpPtr operator()(const llb::ExecOp&) const { return std::make_unique<ExecOp>(services, cleared, vertex); }
  OpPtr operator()(const llb::FileOp&) const { return std::make_unique<FileOp>(services, vertex); }
  OpPtr operator()(const llb::MergeOp&) const { return std::make_unique<MergeOp>(vertex); }
  OpPtr operator()(const llb::DiffOp&) const { return std::make_unique<DiffOp>(services, vertex); }
};

}  // namespace

solver::OpFactory make_op_factory(OpServices& services) {
  return [&services, cleared = std::make_shared<ClearedCaches>()](const llb::VertexRef& vertex) {
    return std::visit(Maker{services, cleared, vertex}, vertex->op());
  };
}

}  // namespace ops
