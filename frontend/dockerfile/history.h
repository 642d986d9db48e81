#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/word_expander.h"
#include "oci/image.h"

// Texts of the image history (FEATURES.md 6.2): what BuildKit writes as `created_by`, to the byte.
namespace dockerfile {

/// An ARG in scope: declared, with or without a value.
struct BuildArg {
  std::string name;
  std::optional<std::string> value;
};

/// "WORKDIR /x"-like entry; layers of RUN, COPY and ADD say " # buildkit" at the end.
oci::HistoryEntry history_entry(std::string created_by, bool has_layer);

/// "RUN |2 A=1 B= /bin/sh -c make # buildkit": args in order of first declaration, with the value `environment` has.
std::string run_history(const std::vector<std::string>& argv, const std::vector<BuildArg>& args,
                        const Environment& environment);
/// "COPY --parents --chown=1:2 --chmod=755 a b <<c /dest # buildkit"; `copy` is expanded.
std::string copy_history(const CopyInstruction& copy);
/// "ENV a=1 b=2".
std::string pairs_history(const std::string& instruction,
                          const std::vector<std::pair<std::string, std::string>>& pairs);
/// "CMD [\"a\" \"b\"]".
std::string command_history(const std::string& instruction, const std::vector<std::string>& argv);
/// "EXPOSE [80/tcp 81/tcp]".
std::string list_history(const std::string& instruction, const std::vector<std::string>& words);
/// "HEALTHCHECK {Test:[CMD a] Interval:1s …}".
std::string healthcheck_history(const oci::Healthcheck& check);

}  // namespace dockerfile
