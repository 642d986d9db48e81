#include "frontend/dockerfile/source_date_epoch.h"

#include <fmt/format.h>

#include <charconv>

#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/remote_source.h"
#include "frontend/dockerfile/stage_graph.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr const char* kName = "SOURCE_DATE_EPOCH";
constexpr const char* kHint = "give the time in seconds since 1970, or the name of a remote source";

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

std::string value_of(const FrontendRequest& request, const GlobalScope& scope) {
  const auto given = request.build_args.find(kName);
  return given != request.build_args.end() ? given->second : scope.variables.find(kName).value_or("");
}

std::optional<std::int64_t> parse_seconds(const std::string& value) {
  constexpr std::int64_t kLimit = 253'402'300'799;  // year 9999, the last one RFC 3339 can write
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  const bool valid = error == std::errc() && end == value.data() + value.size() && seconds >= 0 && seconds <= kLimit;
  return valid ? std::optional(seconds) : std::nullopt;
}

/// The source of an ADD that has nothing but that; nullopt for anything else.
std::optional<llb::SourceOp> remote_source(const Instruction& instruction) {
  const auto* add = std::get_if<CopyInstruction>(&instruction.value);
  if (add == nullptr || !add->is_add || add->sources.size() != 1 || !add->heredocs.empty()) return std::nullopt;
  const std::string& source = add->sources[0];
  if (source.find('$') != std::string::npos) return std::nullopt;
  if (const auto git = parse_git_url(source)) return git_source(*git);
  if (!is_http_url(source)) return std::nullopt;
  llb::HttpSource http;
  http.url = source;
  http.filename = http_file_name(source);
  if (add->checksum.starts_with("sha256:")) http.checksum = util::Digest::parse(add->checksum);
  return http;
}

/// A stage lends its time only when it is one remote source on scratch.
llb::SourceOp source_of(const Dockerfile& dockerfile, const Stage& stage, const std::string& value) {
  const auto refuse = [&](const Instruction& instruction) {
    throw DockerfileError(fmt::format("{} `{}`: the stage is not just a remote source: unsupported {} instruction",
                                      kName, value, instruction.name),
                          {dockerfile.source, {instruction.range}},
                          "such a stage is FROM scratch with one ADD of a URL or repository, without variables");
  };
  if (std::get<FromInstruction>(stage.from.value).base != "scratch" || stage.instructions.empty()) refuse(stage.from);
  const std::optional<llb::SourceOp> source = remote_source(stage.instructions[0]);
  if (!source) refuse(stage.instructions[0]);
  if (stage.instructions.size() > 1) refuse(stage.instructions[1]);
  return *source;
}

const Stage* find_stage(const Dockerfile& dockerfile, const std::string& name) {
  for (const Stage& stage : dockerfile.stages) {
    if (std::get<FromInstruction>(stage.from.value).stage_name == util::to_lower(name)) return &stage;
  }
  return nullptr;
}

/// What a context is loaded from: itself, or what is unpacked or copied to make it. nullopt when that is not remote.
std::optional<llb::SourceOp> remote_below(const llb::VertexRef& vertex) {
  if (vertex == nullptr) return std::nullopt;
  if (const auto* http = std::get_if<llb::HttpSource>(&vertex->op())) return *http;
  if (const auto* git = std::get_if<llb::GitSource>(&vertex->op())) return *git;
  const bool copied = std::holds_alternative<llb::FileOp>(vertex->op()) && vertex->inputs().size() == 2;
  return copied ? remote_below(vertex->inputs()[1]) : std::nullopt;
}

/// The time of what `name` names, nullopt for what has none (a directory). `known` says whether it names anything.
std::optional<std::int64_t> time_named(const Dockerfile& dockerfile, const FrontendRequest& request,
                                       const std::string& name, bool& known) {
  known = true;
  std::optional<llb::SourceOp> source;
  if (name == "context") {
    source = remote_below(request.context);
  } else if (const NamedContext* context = find_named_context(request, name, request.platforms.at(0))) {
    if (context->kind == NamedContext::Kind::vertex) source = remote_below(context->vertex);
  } else if (const Stage* stage = find_stage(dockerfile, name)) {
    source = source_of(dockerfile, *stage, name);
  } else {
    known = false;
  }
  if (!source || !request.source_time) return std::nullopt;
  return request.source_time(*source);
}

}  // namespace

std::optional<FrontendRequest> with_epoch_of_source(const Dockerfile& dockerfile, const FrontendRequest& request) {
  const bool given = request.build_args.contains(kName);
  if (request.platforms.empty() || (!given && declaration(dockerfile).ranges.empty())) return std::nullopt;
  std::string name;
  try {
    name = value_of(request, make_global_scope(dockerfile, request, request.platforms[0]));
  } catch (const util::Error&) {
    return std::nullopt;  // told when the platform is lowered
  }
  if (name.empty() || parse_seconds(name)) return std::nullopt;
  bool known = false;
  std::optional<std::int64_t> time;
  try {
    time = time_named(dockerfile, request, name, known);
  } catch (const DockerfileError&) {
    throw;
  } catch (const util::Cancelled&) {
    throw;
  } catch (const util::Error& error) {
    throw DockerfileError(fmt::format("{} `{}`: {}", kName, name, error.message()), declaration(dockerfile), error.hint());
  }
  if (!known) return std::nullopt;
  FrontendRequest resolved = request;
  resolved.build_args[kName] = time ? std::to_string(*time) : "";
  return resolved;
}

std::optional<std::int64_t> source_date_epoch(const Dockerfile& dockerfile, const FrontendRequest& request,
                                              const GlobalScope& scope) {
  const std::string value = value_of(request, scope);
  if (value.empty()) return std::nullopt;
  const std::optional<std::int64_t> seconds = parse_seconds(value);
  if (!seconds) throw DockerfileError(fmt::format("invalid {}: {}", kName, value), declaration(dockerfile), kHint);
  return seconds;
}

}  // namespace dockerfile
