#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llb/op.h"
#include "llb/source_map.h"
#include "util/digest.h"

namespace llb {

/// What people see of a vertex; never part of a digest.
struct VertexMeta {
  std::string name;         ///< "[stage 2/5] RUN make"
  std::string instruction;  ///< as in history, for explaining a miss: "RUN make"
  SourceLocation location;
  bool ignore_cache = false;  ///< --no-cache
  std::string stage;          ///< stage name, for --no-cache-filter and explanations
};

class Vertex;
using VertexRef = std::shared_ptr<const Vertex>;  ///< null = scratch (the empty root)

/// An immutable operation with its inputs. `digest` covers op and inputs (recursively), not meta.
/// A null input is scratch.
class Vertex {
 public:
  Vertex(Op op, std::vector<VertexRef> inputs, VertexMeta meta);
  Vertex(const Vertex&) = delete;
  Vertex& operator=(const Vertex&) = delete;
  /// Releases long chains without recursion.
  ~Vertex();
  const Op& op() const { return op_; }
  const std::vector<VertexRef>& inputs() const { return inputs_; }
  const VertexMeta& meta() const { return meta_; }
  const util::Digest& digest() const { return digest_; }

 private:
  Op op_;
  std::vector<VertexRef> inputs_;
  VertexMeta meta_;
  util::Digest digest_;
};

VertexRef make_vertex(Op op, std::vector<VertexRef> inputs, VertexMeta meta);

/// Every vertex reachable from `roots`, inputs before users, equal digests once. No recursion: depth is bounded by
/// memory only.
std::vector<VertexRef> topological_order(std::span<const VertexRef> roots);

}  // namespace llb
