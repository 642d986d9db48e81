#include "solver/ops/source_op.h"

#include <type_traits>

#include "solver/ops/vertex_progress.h"
#include "util/check.h"

namespace ops {
namespace {

llb::SourceOp source_of(const llb::Op& op) {
  return std::visit(
      [](const auto& value) -> llb::SourceOp {
        if constexpr (std::is_constructible_v<llb::SourceOp, decltype(value)>) {
          return value;
        } else {
          UNREACHABLE();
        }
      },
      op);
}

}  // namespace

SourceOp::SourceOp(const OpServices& services, llb::VertexRef vertex)
    : services_(services), op_(source_of(vertex->op())) {}

solver::CacheMap SourceOp::cache_map(solver::OpContext& context) {
  VertexProgress progress(context.progress, context.task);
  pin_ = services_.sources.get(op_).pin(op_, progress.task(), context.stop);
  solver::CacheMap map;
  map.op_digest = pin_.digest;
  map.cacheable = false;
  return map;
}

solver::Result SourceOp::exec(std::span<const solver::Result>, solver::OpContext& context) {
  VertexProgress progress(context.progress, context.task);
  source::Source& source = services_.sources.get(op_);
  solver::Result result = source.fetch(op_, pin_, progress.task(), context.stop);
  context.reused = source.is_here(result);
  return result;
}

}  // namespace ops
