#include "tools/builder/render_error.h"

#include <fmt/format.h>

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

}  // namespace

std::string render_error(const util::Error& error) {
  std::string text;
  if (const auto* failed = dynamic_cast<const solver::SolveError*>(&error)) {
    text += log_tail(*failed) + excerpt_of(failed->vertex()->meta().location);
  } else if (const auto* located = dynamic_cast<const dockerfile::DockerfileError*>(&error)) {
    text += excerpt_of(located->location());
  }
  text += fmt::format("ERROR: {}\n", error.message());
  if (!error.hint().empty()) text += fmt::format("hint: {}\n", error.hint());
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
