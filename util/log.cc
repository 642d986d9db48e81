#include "util/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace util {
namespace {

/// Never destroyed: destructors of other statics may still log.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto* made = new spdlog::logger("builder", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%H:%M:%S.%e [%t] %l: %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_debug_logging(bool on) {
  logger().set_level(on ? spdlog::level::debug : spdlog::level::warn);
}

void log_debug(std::string_view message) {
  logger().debug("{}", message);
}

void log_warning(std::string_view message) {
  logger().warn("{}", message);
}

}  // namespace util
