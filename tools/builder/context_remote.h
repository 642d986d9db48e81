#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/content_store.h"
#include "llb/graph.h"
#include "llb/source_map.h"
#include "source/git_source.h"
#include "source/http_source.h"
#include "tools/builder/build_context.h"
#include "util/progress.h"

namespace builder {

/// What contexts that are not directories are read with.
struct RemoteSources {
  source::HttpSource& http;
  source::GitSource& git;
  cache::ContentStore& content;
  util::ProgressSink& progress;
  std::stop_token stop;
};

/// A git repository or an http(s) URL?
bool is_remote_context(const std::string& text);

/// Context and Dockerfile of a git repository or an http(s) URL. No ignore file applies. A download is unpacked if it
/// is a tar archive, else it is the Dockerfile itself and the only file of the context. Throws util::Error.
BuildContext open_remote_context(const BuildOptions& options, const RemoteSources& remote);

/// Standard input as context: a tar archive, compressed or not, with the Dockerfile in it; or just a Dockerfile.
/// `remote` may be null, then only the latter is possible.
BuildContext open_standard_input(const BuildOptions& options, const RemoteSources* remote);

/// The Dockerfile behind an http(s) URL.
llb::SourceText download_dockerfile(const std::string& url, const RemoteSources& remote);

/// A named context: the tree of a git repository, or any other download as a file with the name `context`.
llb::VertexRef remote_named_context(const std::string& name, const std::string& url);

/// The text of standard input as Dockerfile.
std::string dockerfile_from_standard_input(std::stop_token stop);

}  // namespace builder
