#include "tools/builder/call.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <set>
#include <vector>

#include "cache/cache_dir.h"
#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/parser.h"
#include "oci/registry.h"
#include "source/git_source.h"
#include "source/http_source.h"
#include "source/image_source.h"
#include "tools/builder/base_images.h"
#include "tools/builder/build_context.h"
#include "tools/builder/call_print.h"
#include "tools/builder/context_remote.h"
#include "tools/builder/request.h"
#include "tools/builder/run_options.h"
#include "tools/builder/usage_error.h"
#include "tools/progress/display.h"
#include "util/text.h"

namespace builder {
namespace {

/// What resolves the names of base images, whose configs come from a registry, a layout or the store, and fetches a context
/// that is somewhere else.
struct Resolving {
  Resolving(const BuildOptions& options, const std::filesystem::path& root, std::stop_token stop)
      : progress(progress::make_quiet_display()),
        secrets(make_secret_store(options)),
        cache(root),
        images(cache.content(), cache.layers(), cache.images(), cache.records(), registry, *progress, {options.pull, stop}),
        https(cache.content(), cache.records(), "builder/" BUILDER_VERSION, secret_lookup()),
        gits({cache.root() / "git", cache.temporary(), cache.stat_directory(), secret_lookup(), secrets.ssh_socket("default").value_or("")}) {}

  source::SecretLookup secret_lookup() {
    return [this](const std::string& id) { return secrets.value(id); };
  }

  std::unique_ptr<progress::Display> progress;
  ops::SecretStore secrets;
  cache::CacheDir cache;
  oci::RegistryClient registry;
  source::ImageSource images;
  source::HttpSource https;
  source::GitSource gits;
};

CheckResult::Failure failure_of(const util::Error& error) {
  if (const auto* located = dynamic_cast<const dockerfile::DockerfileError*>(&error)) {
    return {error.message(), located->location().ranges};
  }
  return {error.message(), {}};
}

/// Parses and lowers, with what is found on the way in `result`. Throws what stands in the way of a build.
void check_into(CheckResult& result, const BuildOptions& options, const BuildContext& context, Resolving& resolving) {
  std::vector<dockerfile::Warning> found;
  const dockerfile::Dockerfile parsed = dockerfile::parse(context.dockerfile, found);
  dockerfile::FrontendRequest request = make_frontend_request(options, context);
  request.all_stages = true;
  const dockerfile::LintOptions wanted = dockerfile::lint_options(parsed, request);
  std::exception_ptr failure;
  try {
    const auto images = make_base_images(options, resolving.images, WhenUnresolved::fail);
    dockerfile::compile(parsed, request, *images, &found);
  } catch (const util::Error&) {
    failure = std::current_exception();
  }
  result.warnings = dockerfile::select_warnings(std::move(found), wanted);
  if (failure != nullptr) std::rethrow_exception(failure);
  if (!wanted.error || result.warnings.empty()) return;
  std::set<std::string> rules;
  for (const dockerfile::Warning& warning : result.warnings) rules.insert(warning.rule);
  const std::vector<std::string> names(rules.begin(), rules.end());
  throw util::Error("lint violation found for rules: " + util::join(names, ", "), "the Dockerfile says `check=error=true`");
}

int check(const BuildOptions& options, bool json, const BuildContext& context, Resolving& resolving) {
  CheckResult result;
  std::exception_ptr failure;
  try {
    check_into(result, options, context, resolving);
  } catch (const util::Cancelled&) {
    throw;
  } catch (const UsageError&) {
    throw;
  } catch (const util::Error& error) {
    result.failure = failure_of(error);
    failure = std::current_exception();
  }
  std::stable_sort(result.warnings.begin(), result.warnings.end(),
                   [](const auto& a, const auto& b) { return a.range.first < b.range.first; });
  if (json) {
    std::cout << check_json(result, *context.dockerfile);
  } else if (failure == nullptr || !result.warnings.empty()) {
    std::cout << check_text(result, *context.dockerfile);
  }
  std::cout.flush();
  if (failure != nullptr) std::rethrow_exception(failure);
  return result.warnings.empty() ? 0 : 1;
}

void outline(const BuildOptions& options, bool json, const BuildContext& context, Resolving& resolving) {
  std::vector<dockerfile::Warning> warnings;
  const dockerfile::Dockerfile parsed = dockerfile::parse(context.dockerfile, warnings);
  // Only the defaults of ARGs that use the ENV of an image depend on it.
  const auto images = make_base_images(options, resolving.images, WhenUnresolved::take_as_empty);
  const auto frontend = dockerfile::compile(parsed, make_frontend_request(options, context), *images);
  const dockerfile::Outline& result = frontend.platforms.front().outline;
  std::cout << (json ? outline_json(result, *context.dockerfile) : outline_text(result));
}

void targets(bool json, const BuildContext& context) {
  std::vector<dockerfile::Warning> warnings;
  const auto list = dockerfile::list_targets(dockerfile::parse(context.dockerfile, warnings));
  std::cout << (json ? targets_json(list, *context.dockerfile) : targets_text(list));
}

}  // namespace

CallMethod parse_call(const BuildOptions& options) {
  const std::string& text = options.call;
  CallMethod method;
  const std::vector<std::string> fields = util::split(text, ',');
  method.name = fields.empty() ? "" : fields.front();
  if (method.name.starts_with("frontend.")) method.name.erase(0, 9);
  if (method.name == "lint") method.name = "check";
  const std::vector<std::string> known{"build", "check", "outline", "targets", "subrequests.describe"};
  if (std::find(known.begin(), known.end(), method.name) == known.end()) {
    const auto near = util::suggest(method.name, known);
    throw UsageError(fmt::format("--call `{}`: no such method{}", text, near ? " (did you mean " + *near + "?)" : ""),
                     "known: " + util::join(known, ", "));
  }
  for (std::size_t i = 1; i < fields.size(); ++i) {
    if (fields[i] == "format=json") {
      method.json = true;
    } else if (fields[i] != "format=text") {
      throw UsageError(fmt::format("--call `{}`: `{}` is not understood", text, fields[i]),
                       "form: METHOD[,format=text|json]");
    }
  }
  if (!options.format.empty()) {
    if (options.format != "json" && options.format != "text") {
      throw UsageError(fmt::format("--format `{}`: unknown", options.format), "known: text, json");
    }
    if (method.name == "build") throw UsageError("--format: goes with --call", "for example --call=outline --format=json");
    method.json = options.format == "json";
  }
  if (method.name == "build" && options.base != "resolve") {
    throw UsageError("--base: a build needs its base images", "--base=empty goes with --call and with `builder debug dump-llb`");
  }
  return method;
}

int call(const BuildOptions& options, const CallMethod& method, const std::filesystem::path& cache_root, std::stop_token stop) {
  if (method.name == "subrequests.describe") {
    std::cout << (method.json ? methods_json() : methods_text());
    return 0;
  }
  Resolving resolving(options, cache_root, stop);
  const RemoteSources remote{resolving.https, resolving.gits, resolving.cache.content(), *resolving.progress, stop};
  const BuildContext context = open_build_context(options, &remote);
  if (method.name == "targets") {
    targets(method.json, context);
    return 0;
  }
  if (method.name == "check") return check(options, method.json, context, resolving);
  outline(options, method.json, context, resolving);
  return 0;
}

}  // namespace builder
