#pragma once

#include <string>
#include <utility>

#include "util/progress.h"

namespace ops {

/// A ProgressTask whose logs and bytes are reported as those of a vertex, which the solver starts and ends itself.
class VertexProgress {
 public:
  VertexProgress(util::ProgressSink& sink, util::Digest vertex) : sink_(sink, std::move(vertex)), task_(sink_, "") {}
  ~VertexProgress() { task_.done(); }
  util::ProgressTask* task() { return &task_; }

 private:
  class Renaming final : public util::ProgressSink {
   public:
    Renaming(util::ProgressSink& to, util::Digest vertex) : to_(to), vertex_(std::move(vertex)) {}
    void emit(util::ProgressEvent event) override {
      if (auto* log = std::get_if<util::TaskLog>(&event)) {
        log->task = vertex_;
      } else if (auto* bytes = std::get_if<util::TaskBytes>(&event)) {
        bytes->task = vertex_;
      } else {
        return;
      }
      to_.emit(std::move(event));
    }

   private:
    util::ProgressSink& to_;
    util::Digest vertex_;
  };

  Renaming sink_;
  util::ProgressTask task_;
};

}  // namespace ops
