#include "source/local_source.h"

#include <fmt/format.h>

#include <map>

#include "cache/stat_cache.h"
#include "source/local_tree.h"
#include "util/error.h"
#include "util/log.h"
#include "util/sync.h"
#include "util/text.h"

namespace source {
namespace {

/// Trees and stat caches of one build, shared by all vertices that read the same directory.
struct Opened {
  std::map<std::string, std::shared_ptr<cache::StatCache>> stats;
  std::map<std::string, std::shared_ptr<const LocalTree>> trees;
};

}  // namespace

struct LocalSource::State {
  std::filesystem::path stat_directory, spill_directory;
  util::Sync<Opened> opened{};
};

LocalSource::LocalSource(std::filesystem::path stat_directory, std::filesystem::path spill_directory)
    : state_(new State{std::move(stat_directory), std::move(spill_directory)}) {}
LocalSource::~LocalSource() = default;

Pin LocalSource::pin(const llb::SourceOp& op, util::ProgressTask*, std::stop_token) {
  return {{}, std::get<llb::LocalSource>(op).path};
}

cache::Result LocalSource::fetch(const llb::SourceOp& op, const Pin&, util::ProgressTask*, std::stop_token) {
  const auto& local = std::get<llb::LocalSource>(op);
  std::string key = local.path;
  for (const std::string& pattern : local.exclude) key += '\n' + pattern;
  auto opened = state_->opened.lock();
  std::shared_ptr<const LocalTree>& tree = opened->trees[key];
  if (!tree) {
    std::shared_ptr<cache::StatCache>& stats = opened->stats[local.path];
    if (!stats) stats = std::make_shared<cache::StatCache>(state_->stat_directory, local.path);
    tree = util::with_context(fmt::format("load `{}`", local.name),
                              [&] { return std::make_shared<const LocalTree>(local.path, local.exclude, stats, state_->spill_directory); });
  }
  cache::Result result;
  result.tree = tree;
  return result;
}

void LocalSource::save() noexcept {
  try {
    auto opened = state_->opened.lock();
    for (auto& [path, stats] : opened->stats) stats->save();
  } catch (const std::exception& error) {
    // The lock itself failed; the next build just reads more.
    util::log_warning(fmt::format("save the stat caches: {}", error.what()));
  }
}

}  // namespace source
