#pragma once

#include <filesystem>
#include <memory>

#include "source/source.h"

namespace source {

/// Local directories, read in place. `fetch` yields a cache::Tree over the directory: owners 0:0, ignore patterns
/// applied, sockets as empty files, no xattrs, links never followed out of it; entries are looked at only when asked
/// for, digests come from a cache::StatCache.
class LocalSource final : public Source {
 public:
  /// `stat_directory`: where the stat caches live. `spill_directory`: for what is known of large directories (LocalTree).
  explicit LocalSource(std::filesystem::path stat_directory, std::filesystem::path spill_directory = {});
  ~LocalSource() override;
  Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) override;
  cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task, std::stop_token stop) override;
  /// Writes the stat caches; call once at the end of a build (also a failed one).
  void save() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace source
