#include "solver/ops/background_packer.h"

#include "util/error.h"
#include "util/log.h"
#include "util/stats.h"

namespace ops {

void BackgroundPacker::add(const cache::LayerId& id) {
  static util::Counter& queued = util::counter("layers.packed_in_background");
  queued.add();
  thread_.post([this, id] {
    try {
      layers_.blob(id, options_, false, nullptr, stop_.get_token());
    } catch (const util::Error& error) {
      util::log_debug(error.message());
    }
  });
}

}  // namespace ops
