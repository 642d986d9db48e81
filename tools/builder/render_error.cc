#include "tools/builder/render_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <iostream>

#include "frontend/dockerfile/parser.h"
#include "llb/source_map.h"
#include "solver/ops/process_failed.h"
#include "solver/solver.h"

namespace builder {
namespace {

std::string excerpt_of(const llb::SourceLocation& location) {
  if (location.source == nullptr || location.ranges.empty()) return {};
  std::string text = llb::excerpt(*location.source, location.ranges);
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

std::string log_tail(const solver::SolveError& error) {
  try {
    std::rethrow_exception(error.cause());
  } catch (const ops::ProcessFailed& failed) {
    std::string text = fmt::format("------\n > {}:\n", error.vertex()->meta().name);
    for (const std::string& line : failed.log_tail()) text += line + "\n";
    return text + "------\n";
  } catch (...) {
    return {};
  }
}

/// The errno value of what failed; 0 where no system call did.
int system_code(const util::Error& error) {
  if (const auto* system = dynamic_cast<const util::SystemError*>(&error)) return system->code();
  const auto* failed = dynamic_cast<const solver::SolveError*>(&error);
  if (failed == nullptr) return 0;
  try {
    std::rethrow_exception(failed->cause());
  } catch (const util::SystemError& system) {
    return system.code();
  } catch (...) {
    return 0;
  }
}

std::string hint_of(const util::Error& error) {
  if (!error.hint().empty()) return error.hint();
  const int code = system_code(error);
  if (code != ENOSPC && code != EDQUOT) return {};
  return "if this disk holds the cache, `builder prune` frees space; BUILDER_ROOT puts the cache elsewhere";
}

}  // namespace

std::string render_error(const util::Error& error) {
  std::string text;
  if (const auto* failed = dynamic_cast<const solver::SolveError*>(&error)) {
    text += log_tail(*failed) + excerpt_of(failed->vertex()->meta().location);
  } else if (const auto* located = dynamic_cast<const dockerfile::DockerfileError*>(&error)) {
    text += excerpt_of(located->location());
  }
  text += fmt::format("ERROR: {}\n", error.message());
  if (std::string hint = hint_of(error); !hint.empty()) text += fmt::format("hint: {}\n", hint);
  return text;
}

bool attempt(const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const util::Cancelled&) {
    throw;
  } catch (const util::Error& error) {
    std::cerr << render_error(error);
    return false;
  }
}

}  // namespace builder
