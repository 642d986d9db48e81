#pragma once

#include <string>
#include <vector>

#include "util/error.h"
#include "util/process.h"

namespace ops {

/// A RUN ended unsuccessfully. The message is: process "/bin/sh -c exit 7" did not complete successfully: exit code: 7.
class ProcessFailed : public util::Error {
 public:
  ProcessFailed(const std::string& message, util::ExitStatus status, bool out_of_memory,
                std::vector<std::string> log_tail, std::string hint = {})
      : util::Error(message, std::move(hint)), status_(status), out_of_memory_(out_of_memory), log_tail_(std::move(log_tail)) {}
  const util::ExitStatus& status() const { return status_; }
  bool out_of_memory() const { return out_of_memory_; }
  /// The last (at most 10) lines the step printed.
  const std::vector<std::string>& log_tail() const { return log_tail_; }

 private:
  util::ExitStatus status_;
  bool out_of_memory_;
  std::vector<std::string> log_tail_;
};

}  // namespace ops
