#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "executor/mount_plan.h"
#include "executor/mount_points.h"
#include "util/fd.h"

namespace executor {

/// Puts the root of a sandbox together in this mount namespace, and takes it apart so far that no mount point that was
/// made for the step stays in the layer. Runs in the init.
class SandboxRoot {
 public:
  /// Mounts the root itself (over the staging directory). Throws util::Error.
  explicit SandboxRoot(const SandboxPlan& plan);
  int fd() const { return root_.get(); }
  /// Performs the steps.
  void add_mounts();
  /// Makes it the root of the process; nothing of the host's tree can be reached any more.
  void enter();
  /// Uncovers and removes what was made to mount on. Nothing may run any more.
  void remove_mount_points() noexcept;

 private:
  void perform(const Step& step);
  void perform_mount(const Step& step);
  void perform_file(const Step& step);
  void perform_device(const Step& step);
  void perform_link(const Step& step);
  void perform_mask(const Step& step);
  void perform_read_only(const Step& step);
  void bind_over(const util::Mount& mount, const std::string& source);
  util::Fd make_mount(const util::Mount& mount, const std::string& options) const;

  const SandboxPlan& plan_;
  util::Fd base_;  ///< tmpfs over the staging directory: "root", "file0", "file1", ...
  util::Fd root_;
  std::unique_ptr<MountPoints> points_;
  struct Done {
    std::string target;
    std::size_t stubs_before = 0;
  };
  std::vector<Done> done_;
  std::size_t files_ = 0;
};

}  // namespace executor
