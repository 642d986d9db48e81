#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/lint.h"
#include "frontend/dockerfile/outline.h"
#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/warning.h"
#include "llb/graph.h"
#include "oci/image.h"
#include "oci/image_resolver.h"
#include "oci/platform.h"

namespace dockerfile {

/// A named context (`--build-context`) as the wiring resolved its kind.
struct NamedContext {
  enum class Kind { image, layout, directory, vertex };
  Kind kind = Kind::directory;
  oci::ImageLocation image;    ///< image ("scratch" as reference = empty root) and layout
  llb::LocalSource directory;  ///< directory
  llb::VertexRef vertex;       ///< anything else (git, http): the ready source
};

/// Everything outside the Dockerfile that its meaning depends on.
struct FrontendRequest {
  std::map<std::string, std::string> build_args;
  std::string target;
  std::vector<oci::Platform> platforms;  ///< target platforms, at least one
  oci::Platform build_platform = oci::Platform::local();
  std::map<std::string, std::string> labels;
  std::map<std::string, NamedContext> named_contexts;  ///< by normalised name
  llb::VertexRef context;                              ///< main context; null = empty
  std::vector<std::string> ignore_patterns;            ///< of the main context, for CopyIgnoredFile and error hints
  bool no_cache = false;
  std::vector<std::string> no_cache_filter;  ///< stage names
  llb::NetworkMode network = llb::NetworkMode::unset;
  bool allow_host_network = true;  ///< entitlement network.host
  bool allow_insecure = false;     ///< entitlement security.insecure
  std::vector<llb::HostEntry> extra_hosts;
  std::vector<llb::Ulimit> ulimits;
  std::uint64_t shm_size = 0;
  std::string cgroup_parent;
  std::string hostname;         ///< empty = buildkitsandbox
  bool multi_platform = false;  ///< prefix step names with the platform
  /// `platforms` holds only the default: the result then has the platform that its base image says.
  bool implicit_platform = false;
  /// Seconds since 1970 at which what a remote source holds was made, nullopt when it does not say; may block, and throws
  /// util::Error. Asked only where SOURCE_DATE_EPOCH names such a source; null = none has a time.
  std::function<std::optional<std::int64_t>(const llb::SourceOp&)> source_time;
  /// Without `target`, lower stages that the last one does not need, too (for what the linter finds in them).
  bool all_stages = false;
};

struct PlatformResult {
  oci::Platform platform;
  llb::VertexRef root;                            ///< null = scratch without layers
  oci::ImageConfig config;                        ///< without diff_ids and creation times of new entries
  std::size_t base_history = 0;                   ///< leading history entries that come from the base image
  std::optional<std::int64_t> source_date_epoch;  ///< seconds
  Outline outline;                                ///< what the target takes from outside
};

struct FrontendResult {
  std::vector<PlatformResult> platforms;
  std::vector<Warning> warnings;
};

/// Stages -> graph and image config, per platform; only stages that the target needs are resolved. Pure but for
/// `resolver`, which is called from several threads. Throws DockerfileError; `found`, when given, has then got the
/// warnings so far. Findings that the `check` directive (or BUILDKIT_DOCKERFILE_CHECK) skips are left out.
FrontendResult compile(const Dockerfile& dockerfile, const FrontendRequest& request, oci::ImageResolver& resolver,
                       std::vector<Warning>* found = nullptr);

/// The `check` directive, or BUILDKIT_DOCKERFILE_CHECK instead. Throws util::Error for a malformed one.
LintOptions lint_options(const Dockerfile& dockerfile, const FrontendRequest& request);

}  // namespace dockerfile
