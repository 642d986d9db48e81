#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontend/dockerfile/compile.h"
#include "llb/graph.h"
#include "llb/source_map.h"
#include "tools/builder/build_options.h"

namespace builder {

struct RemoteSources;

/// The Dockerfile's text and the context it is built with.
struct BuildContext {
  std::shared_ptr<const llb::SourceText> dockerfile;
  llb::VertexRef vertex;                       ///< null = empty context
  std::vector<std::string> ignore_patterns;
};

/// Finds PATH, the Dockerfile (-f, else Dockerfile, dockerfile or Containerfile in the context, "-" = standard input) and the ignore
/// file that applies (`<Dockerfile>.dockerignore`, else `.dockerignore` of the context). Throws util::Error that says where it looked.
/// A context may also be a git repository, an http(s) URL or an archive on standard input; these take `remote`.
BuildContext open_build_context(const BuildOptions& options, const RemoteSources* remote = nullptr);

/// `--build-context` values by normalised name. Throws util::Error.
std::map<std::string, dockerfile::NamedContext> open_named_contexts(const std::vector<std::string>& values);

}  // namespace builder
