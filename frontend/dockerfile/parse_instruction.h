#pragma once

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/syntax_tree.h"

// Nodes of the syntax tree -> typed instructions: flags, arity, values. All throw util::Error; the caller knows the
// place.
namespace dockerfile {

/// Any instruction. Of a FROM, the comment that describes the stage goes to Stage::comment (see `find_description`).
Instruction parse_instruction(const SyntaxNode& node);

/// "text" of the comment line "name text" among `comments`; empty when there is none.
std::string find_description(const std::vector<std::string>& comments, std::string_view name);

// One per family; used by parse_instruction.
InstructionValue parse_from(const SyntaxNode& node);
InstructionValue parse_run(const SyntaxNode& node);
InstructionValue parse_copy(const SyntaxNode& node);
InstructionValue parse_add(const SyntaxNode& node);
InstructionValue parse_healthcheck(const SyntaxNode& node);
InstructionValue parse_onbuild(const SyntaxNode& node);

/// Shell or exec form of CMD, ENTRYPOINT and RUN.
CommandLine parse_command(const SyntaxNode& node);

}  // namespace dockerfile
