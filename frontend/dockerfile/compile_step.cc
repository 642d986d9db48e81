#include <fmt/format.h>

#include <algorithm>

#include "frontend/dockerfile/compile_context.h"

namespace dockerfile {

std::string Step::expand(std::string_view word, bool heredoc_body) {
  ExpandOptions options{.escape = context.dockerfile.escape};
  if (heredoc_body) options = {.escape = '\\', .heredoc_body = true};
  Expansion expansion = dockerfile::expand(word, state.environment, options);
  std::erase_if(expansion.undefined, [&](const std::string& name) {
    return std::any_of(state.args.begin(), state.args.end(), [&](const BuildArg& arg) { return arg.name == name; });
  });
  lint_undefined_variables(context.lint, *command.instruction, command.range, expansion.undefined, state.environment);
  return std::move(expansion.text);
}

std::string Step::text() const {
  const std::string line = step_text(command.instruction->original);
  try {
    return dockerfile::expand(line, state.environment, {.escape = context.dockerfile.escape}).text;
  } catch (const util::Error&) {
    return line;
  }
}

llb::VertexMeta Step::meta(const std::string& text, bool obeys_no_cache) {
  llb::VertexMeta meta;
  meta.name = names_.next(text, state.platform, state.environment, command.on_build);
  meta.instruction = text;
  meta.location = location();
  meta.ignore_cache = no_cache && obeys_no_cache;
  meta.stage = stage;
  return meta;
}

void require_file_name(const Heredoc& heredoc) {
  const std::string& name = heredoc.name;
  if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos) return;
  throw util::Error(fmt::format("here-document `{}`: not usable as a file name", name));
}

}  // namespace dockerfile
