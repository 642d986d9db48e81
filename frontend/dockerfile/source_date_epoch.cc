#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/remote_source.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr const char* kName = "SOURCE_DATE_EPOCH";

/// Where the value comes from, for errors; nowhere for a build argument that no ARG declares.
llb::SourceLocation declaration(const Dockerfile& dockerfile) {
  llb::SourceLocation location{dockerfile.source, {}};
  for (const Instruction& instruction : dockerfile.global_args) {
    for (const auto& item : std::get<ArgInstruction>(instruction.value).items) {
      if (item.name == kName) location.ranges = {instruction.range};
    }
  }
  return location;
}

bool is_remote_add(const Instruction& instruction) {
  const auto* copy = std::get_if<CopyInstruction>(&instruction.value);
  return copy != nullptr && copy->is_add && copy->sources.size() == 1 && copy->heredocs.empty() &&
         (is_http_url(copy->sources[0]) || parse_git_url(copy->sources[0]).has_value());
}

/// A stage may lend its time only when it is one remote source.
[[noreturn]] void refuse_stage(const Dockerfile& dockerfile, const Stage& stage, const std::string& value) {
  for (const Instruction& instruction : stage.instructions) {
    if (is_remote_add(instruction)) continue;
    throw DockerfileError(fmt::format("{} `{}`: the stage is not just a remote source: unsupported {} instruction",
                                      kName, value, instruction.name),
                          {dockerfile.source, {instruction.range}},
                          "such a stage is FROM scratch with one ADD of a URL or repository");
  }
  throw DockerfileError(fmt::format("{} `{}`: the time of a stage's source cannot be used", kName, value),
                        declaration(dockerfile), "give the time in seconds since 1970");
}

}  // namespace

std::optional<std::int64_t> source_date_epoch(const Dockerfile& dockerfile, const FrontendRequest& request,
                                              const GlobalScope& scope) {
  const auto given = request.build_args.find(kName);
  const std::string value =
      given != request.build_args.end() ? given->second : scope.variables.find(kName).value_or("");
  if (value.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  constexpr std::int64_t kLimit = 253'402'300'799;  // year 9999, the last one RFC 3339 can write
  if (error == std::errc() && end == value.data() + value.size() && seconds >= 0 && seconds <= kLimit) return seconds;
  // A local directory has no time of its own.
  if (value == "context") return std::nullopt;
  for (const Stage& stage : dockerfile.stages) {
    if (std::get<FromInstruction>(stage.from.value).stage_name == util::to_lower(value))
      refuse_stage(dockerfile, stage, value);
  }
  throw DockerfileError(fmt::format("invalid {}: {}", kName, value), declaration(dockerfile),
                        "give the time in seconds since 1970");
}

}  // namespace dockerfile
