#include "frontend/dockerfile/step_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

/// Platform that TARGETPLATFORM, or TARGETOS and TARGETARCH, of a stage say; `base` where they are not declared.
oci::Platform target_of(const oci::Platform& base, const Environment& environment) {
  try {
    if (const auto text = environment.find("TARGETPLATFORM")) return oci::Platform::parse(*text);
    const auto os = environment.find("TARGETOS");
    const auto architecture = environment.find("TARGETARCH");
    if (!os && !architecture) return base;
    return oci::Platform::parse(os.value_or(base.os) + "/" + architecture.value_or(base.architecture));
  } catch (const util::Error&) {
    return base;  // a build argument may say anything; it is only a name here
  }
}

/// "->arm64" for a stage that runs on `base` and builds for another platform.
std::string target_suffix(const oci::Platform& base, const Environment& environment) {
  const oci::Platform target = target_of(base, environment);
  if (target.os != base.os) return "->" + target.to_string();
  if (target.architecture == base.architecture) return {};
  return "->" + target.architecture + (target.variant.empty() ? "" : "/" + target.variant);
}

}  // namespace

std::string StepNames::next(std::string_view text, const oci::Platform& platform, const Environment& environment,
                            bool on_build) {
  if (total_ == 0) return std::string(text);
  std::string name = "[";
  if (with_platform_) name += platform.to_string() + target_suffix(platform, environment) + " ";
  if (!stage_.empty()) name += stage_ + " ";
  const std::string total = std::to_string(total_);
  name += fmt::format("{:>{}}/{}] ", ++index_, total.size(), total);
  if (on_build) name += "ONBUILD ";
  return name.append(text);
}

std::string step_text(std::string_view original) {
  const std::string_view line = util::trim(original.substr(0, original.find('\n')));
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  return util::to_upper(line.substr(0, end)) + std::string(line.substr(end));
}

std::string run_text(std::string_view text, const Environment& environment, const std::vector<std::string>& masked,
                     char escape) {
  Environment shown = environment;
  for (const std::string& name : masked) shown.set(name, "****");
  try {
    return expand(text, shown, {.escape = escape, .raw_quotes = true, .keep_undefined = true}).text;
  } catch (const util::Error&) {
    return std::string(text);
  }
}

std::string summary(std::string_view script) {
  const std::string_view text = util::trim(script);
  const auto end = text.find('\n');
  std::string line(util::trim(text.substr(0, end)));
  if (end != std::string_view::npos) line += "...";
  return line;
}

}  // namespace dockerfile
