#include "frontend/dockerfile/global_scope.h"

#include <fmt/format.h>

#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/suggestion.h"
#include "oci/reference.h"

namespace dockerfile {
namespace {

llb::SourceLocation location_of(const Dockerfile& dockerfile, const Instruction& instruction) {
  return {dockerfile.source, {instruction.range}};
}

/// What TARGETSTAGE says.
std::string target_stage(const Dockerfile& dockerfile, const FrontendRequest& request) {
  if (!request.target.empty()) return request.target;
  const auto& last = std::get<FromInstruction>(dockerfile.stages.back().from.value);
  return last.stage_name.empty() ? "default" : last.stage_name;
}

Environment predefined(const Dockerfile& dockerfile, const FrontendRequest& request, const oci::Platform& target) {
  const oci::Platform& build = request.build_platform;
  const std::pair<const char*, std::string> arguments[] = {
      {"BUILDPLATFORM", build.to_string()},
      {"BUILDOS", build.os},
      {"BUILDOSVERSION", build.os_version},
      {"BUILDARCH", build.architecture},
      {"BUILDVARIANT", build.variant},
      {"TARGETPLATFORM", target.to_string()},
      {"TARGETOS", target.os},
      {"TARGETOSVERSION", target.os_version},
      {"TARGETARCH", target.architecture},
      {"TARGETVARIANT", target.variant},
      {"TARGETSTAGE", target_stage(dockerfile, request)},
  };
  Environment environment;
  for (const auto& [name, value] : arguments) {
    const auto given = request.build_args.find(name);
    environment.set(name, given == request.build_args.end() ? value : given->second);
  }
  return environment;
}

void define(GlobalScope& scope, const ArgInstruction::Item& item, const std::map<std::string, std::string>& build_args,
            char escape) {
  scope.declared.insert(item.name);
  if (const auto given = build_args.find(item.name); given != build_args.end()) {
    scope.variables.set(item.name, given->second);
  } else if (item.default_value) {
    scope.variables.set(item.name, expand(*item.default_value, scope.variables, {.escape = escape}).text);
  }
}

void lint_undeclared(const GlobalScope& scope, const Instruction& from, const std::vector<std::string>& undefined,
                     LintSink& lint) {
  std::vector<std::string> known;
  for (const auto& [name, value] : scope.variables.items()) known.push_back(name);
  known.insert(known.end(), scope.declared.begin(), scope.declared.end());
  for (const std::string& name : undefined) {
    if (scope.declared.contains(name)) continue;
    lint.add("UndefinedArgInFrom",
             fmt::format("FROM uses `{}`, which no ARG declares{}", name, suggestion_text(name, known)), from,
             from.range);
  }
}

/// " (did you mean MY_ARCH?)" for the first undeclared name that is near a declared one.
std::string suggestion(const GlobalScope& scope, const std::vector<std::string>& undefined) {
  std::vector<std::string> known;
  for (const auto& [name, value] : scope.variables.items()) known.push_back(name);
  for (const std::string& name : undefined) {
    if (const std::string text = suggestion_text(name, known); !text.empty()) return text;
  }
  return {};
}

oci::Platform expand_platform(const std::string& text, const GlobalScope& scope, const Instruction& from, char escape,
                              LintSink& lint) {
  const Expansion expansion = expand(text, scope.variables, {.escape = escape});
  lint_undeclared(scope, from, expansion.undefined, lint);
  if (expansion.text.empty()) {
    throw util::Error(
        fmt::format("platform `{}` of FROM: empty after expansion{}", text, suggestion(scope, expansion.undefined)));
  }
  try {
    return oci::Platform::parse(expansion.text);
  } catch (const util::Error& error) {
    throw util::Error(
        fmt::format("platform `{}` of FROM: {}{}", text, error.message(), suggestion(scope, expansion.undefined)),
        error.hint());
  }
}

StageBase expand_base(const Instruction& from, const GlobalScope& scope, char escape, LintSink& lint) {
  const auto& value = std::get<FromInstruction>(from.value);
  StageBase base;
  const Expansion name = expand(value.base, scope.variables, {.escape = escape});
  lint_undeclared(scope, from, name.undefined, lint);
  if (name.text.empty()) {
    throw util::Error(
        fmt::format("base name `{}` of FROM: blank after expansion{}", value.base, suggestion(scope, name.undefined)),
        "give the ARG a default before the first FROM, or set it with --build-arg");
  }
  base.name = name.text;
  if (!value.platform.empty()) base.platform = expand_platform(value.platform, scope, from, escape, lint);
  return base;
}

}  // namespace

GlobalScope make_global_scope(const Dockerfile& dockerfile, const FrontendRequest& request, const oci::Platform& target,
                              bool use_build_args) {
  static const std::map<std::string, std::string> none;
  GlobalScope scope;
  scope.variables = predefined(dockerfile, request, target);
  for (const Instruction& instruction : dockerfile.global_args) {
    try {
      for (const ArgInstruction::Item& item : std::get<ArgInstruction>(instruction.value).items) {
        define(scope, item, use_build_args ? request.build_args : none, dockerfile.escape);
      }
    } catch (const util::Error& error) {
      throw DockerfileError(error.message(), location_of(dockerfile, instruction), error.hint());
    }
  }
  return scope;
}

std::vector<StageBase> expand_bases(const Dockerfile& dockerfile, const GlobalScope& scope, LintSink& lint) {
  std::vector<StageBase> bases;
  for (const Stage& stage : dockerfile.stages) {
    try {
      bases.push_back(expand_base(stage.from, scope, dockerfile.escape, lint));
    } catch (const util::Error& error) {
      throw DockerfileError(error.message(), location_of(dockerfile, stage.from), error.hint());
    }
  }
  return bases;
}

void lint_default_bases(const Dockerfile& dockerfile, const GlobalScope& defaults, LintSink& lint) {
  for (const Stage& stage : dockerfile.stages) {
    const std::string& base = std::get<FromInstruction>(stage.from.value).base;
    try {
      const std::string name = expand(base, defaults.variables, {.escape = dockerfile.escape}).text;
      try {
        oci::Reference::parse(name);
      } catch (const util::Error&) {
        lint.add("InvalidDefaultArgInFrom",
                 fmt::format("`{}` names no image when its arguments have their defaults", base), stage.from,
                 stage.from.range);
      }
    } catch (const util::Error&) {
      return;  // the real expansion tells
    }
  }
}

}  // namespace dockerfile
