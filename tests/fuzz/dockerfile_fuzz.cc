#include <cstdint>
#include <memory>

#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/syntax_tree.h"
#include "util/check.h"

using namespace dockerfile;

namespace {

void check_ranges(const SyntaxTree& tree) {
  int last = 0;
  for (const SyntaxNode& node : tree.nodes) {
    CHECK(node.range.first > last);
    CHECK(node.range.last >= node.range.first);
    last = node.range.last;
  }
}

void check_triggers(const Dockerfile& file, const std::shared_ptr<const llb::SourceText>& source) {
  for (const Stage& stage : file.stages) {
    for (const Instruction& instruction : stage.instructions) {
      const auto* onbuild = std::get_if<OnbuildInstruction>(&instruction.value);
      if (onbuild == nullptr) continue;
      try {
        parse_trigger(onbuild->expression, {source, {stage.from.range}});
      } catch (const ParseError&) {
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto source = std::make_shared<llb::SourceText>();
  source->name = "Dockerfile";
  source->text.assign(reinterpret_cast<const char*>(data), size);
  try {
    check_ranges(parse_syntax(source));
    std::vector<Warning> warnings;
    Dockerfile file = parse(source, warnings);
    CHECK(!file.stages.empty());
    check_triggers(file, source);
  } catch (const ParseError& error) {
    for (const llb::SourceRange& range : error.location().ranges) CHECK(range.last >= range.first);
  }
  return 0;
}
