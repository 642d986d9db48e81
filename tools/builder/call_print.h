#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/dockerfile/outline.h"
#include "frontend/dockerfile/targets.h"
#include "frontend/dockerfile/warning.h"
#include "llb/source_map.h"

// Results of --call as texts: tables for people as `docker buildx build` prints them, JSON as BuildKit's frontend gives it.
namespace builder {

/// What `--call=check` found out.
struct CheckResult {
  struct Failure {
    std::string message;
    std::vector<llb::SourceRange> ranges;
  };
  std::vector<dockerfile::Warning> warnings;  ///< by line
  std::optional<Failure> failure;             ///< why the Dockerfile cannot be built
};

std::string check_text(const CheckResult& result, const llb::SourceText& source);
std::string check_json(const CheckResult& result, const llb::SourceText& source);
std::string outline_text(const dockerfile::Outline& outline);
std::string outline_json(const dockerfile::Outline& outline, const llb::SourceText& source);
std::string targets_text(const std::vector<dockerfile::TargetInfo>& targets);
std::string targets_json(const std::vector<dockerfile::TargetInfo>& targets, const llb::SourceText& source);
/// The methods there are.
std::string methods_text();
std::string methods_json();

}  // namespace builder
