#include "tools/builder/build_context.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "frontend/dockerfile/dockerignore.h"
#include "frontend/dockerfile/remote_source.h"
#include "oci/reference.h"
#include "tools/builder/context_remote.h"
#include "tools/builder/usage_error.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/text.h"

namespace builder {
namespace fs = std::filesystem;
namespace {

fs::path existing_directory(const std::string& path, const char* what) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw util::Error(fmt::format("open {} `{}`: no such directory", what, path),
                      "the last argument of `builder build` is the directory with the files to build from");
  }
  if (!fs::is_directory(status)) {
    throw util::Error(fmt::format("open {} `{}`: not a directory", what, path),
                      "to build from a Dockerfile elsewhere: builder build -f FILE DIRECTORY");
  }
  return fs::canonical(path);
}

std::optional<std::string> read_if_there(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  return util::read_file(path, std::size_t{64} << 20);
}

/// The Dockerfile's path; empty for standard input.
fs::path find_dockerfile(const BuildOptions& options, const fs::path& context) {
  if (!options.file.empty()) {
    std::error_code error;
    if (fs::exists(options.file, error)) return options.file;
    throw util::Error(fmt::format("open Dockerfile `{}`: no such file", options.file));
  }
  static const std::array<const char*, 3> kNames = {"Dockerfile", "dockerfile", "Containerfile"};
  for (const char* name : kNames) {
    std::error_code error;
    if (fs::exists(context / name, error)) return context / name;
  }
  throw util::Error(fmt::format("open Dockerfile in `{}`: no such file (looked for Dockerfile, dockerfile, Containerfile)",
                                context.string()),
                    "name it with -f FILE");
}

std::vector<std::string> ignore_patterns_for(const fs::path& dockerfile, const fs::path& context) {
  fs::path file = dockerfile;
  file += ".dockerignore";
  std::optional<std::string> text = dockerfile.empty() ? std::nullopt : read_if_there(file);
  if (!text) {
    file = context / ".dockerignore";
    text = read_if_there(file);
  }
  if (!text) return {};
  return util::with_context(fmt::format("read `{}`", file.filename().string()),
                            [&] { return dockerfile::parse_dockerignore(*text); });
}

llb::VertexRef local_vertex(const std::string& name, const fs::path& path, std::vector<std::string> exclude,
                            const std::string& shown) {
  llb::VertexMeta meta;
  meta.name = shown;
  return llb::make_vertex(llb::LocalSource{name, path.string(), std::move(exclude)}, {}, std::move(meta));
}

/// "docker.io/library/alpine:latest" and "alpine" are the same key; names that are no references are kept.
std::string normalised_name(const std::string& name) {
  try {
    std::string familiar = oci::Reference::parse(name).familiar();
    if (familiar.ends_with(":latest")) familiar.resize(familiar.size() - 7);
    return familiar;
  } catch (const util::Error&) {
    return util::to_lower(name);
  }
}

dockerfile::NamedContext named_context(const std::string& name, const std::string& value) {
  dockerfile::NamedContext context;
  if (value.starts_with("docker-image://")) {
    context.kind = dockerfile::NamedContext::Kind::image;
    context.image.reference = value.substr(15);
    if (context.image.reference != "scratch") context.image.reference = oci::Reference::parse(value.substr(15)).to_string();
    return context;
  }
  if (value.starts_with("oci-layout://")) {
    context.kind = dockerfile::NamedContext::Kind::layout;
    context.image.kind = oci::ImageLocation::Kind::layout;
    std::string path = value.substr(13);
    if (const auto at = path.rfind("@sha256:"); at != std::string::npos) {
      context.image.layout_digest = util::Digest::parse(path.substr(at + 1));
      path.resize(at);
    }
    const auto slash = path.rfind('/');
    if (const auto colon = path.rfind(':'); colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
      context.image.layout_tag = path.substr(colon + 1);
      path.resize(colon);
    }
    context.image.layout_path = existing_directory(path, "OCI layout").string();
    return context;
  }
  if (is_remote_context(value)) {
    context.kind = dockerfile::NamedContext::Kind::vertex;
    context.vertex = remote_named_context(name, value);
    return context;
  }
  context.kind = dockerfile::NamedContext::Kind::directory;
  const fs::path directory = existing_directory(value, "named context");
  context.directory = {name, directory.string(), ignore_patterns_for({}, directory)};
  return context;
}

}  // namespace

BuildContext open_build_context(const BuildOptions& options, const RemoteSources* remote) {
  if (options.context == "-") return open_standard_input(options, remote);
  const bool file_is_url = dockerfile::is_http_url(options.file);
  if (is_remote_context(options.context) || file_is_url) {
    if (remote == nullptr) throw util::Error("open the build context: URLs can only be built, not checked");
    if (!file_is_url || is_remote_context(options.context)) return open_remote_context(options, *remote);
  }
  BuildContext result;
  const fs::path context = existing_directory(options.context, "build context");
  fs::path file;
  llb::SourceText source{"Dockerfile", {}};
  if (options.file == "-") {
    source.text = dockerfile_from_standard_input(remote == nullptr ? std::stop_token() : remote->stop);
  } else if (file_is_url) {
    source = download_dockerfile(options.file, *remote);
  } else {
    file = find_dockerfile(options, context);
    source.name = file.filename().string();
    source.text = util::read_file(file, std::size_t{64} << 20);
  }
  result.dockerfile = std::make_shared<llb::SourceText>(std::move(source));
  result.ignore_patterns = ignore_patterns_for(file, context);
  result.vertex = local_vertex("context", context, result.ignore_patterns, "[internal] load build context");
  return result;
}

std::map<std::string, dockerfile::NamedContext> open_named_contexts(const std::vector<std::string>& values) {
  std::map<std::string, dockerfile::NamedContext> contexts;
  for (const std::string& text : values) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(fmt::format("--build-context `{}`: must be NAME=VALUE", text));
    }
    const std::string name = text.substr(0, equals);
    contexts[normalised_name(name)] = named_context(name, text.substr(equals + 1));
  }
  return contexts;
}

}  // namespace builder
