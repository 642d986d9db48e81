#include "tools/builder/context_remote.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <span>

#include "cache/tree.h"
#include "frontend/dockerfile/remote_source.h"
#include "tools/builder/archive_files.h"
#include "tools/builder/usage_error.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/http.h"
#include "util/text.h"

namespace builder {
namespace fs = std::filesystem;
namespace {

/// Name of a download that is the context, as BuildKit has it.
constexpr const char* kContextName = "context";
constexpr std::size_t kLargestDockerfile = std::size_t{64} << 20;
/// Enough of standard input to see what it is.
constexpr std::size_t kSniffed = std::size_t{1} << 20;

llb::VertexMeta meta_named(std::string name) {
  llb::VertexMeta meta;
  meta.name = std::move(name);
  meta.instruction = meta.name;
  return meta;
}

/// With a given build time, files of a repository have a time that is always the same.
bool wants_commit_time(const BuildOptions& options) {
  const auto is_epoch = [](const std::string& argument) { return argument.starts_with("SOURCE_DATE_EPOCH"); };
  return std::getenv("SOURCE_DATE_EPOCH") != nullptr || std::ranges::any_of(options.build_args, is_epoch);
}

bool wants_git_directory(const BuildOptions& options) {
  return std::ranges::any_of(options.build_args, [](const std::string& argument) {
    static constexpr std::string_view kName = "BUILDKIT_CONTEXT_KEEP_GIT_DIR=";
    if (!argument.starts_with(kName)) return false;
    const std::string value = util::to_lower(argument.substr(kName.size()));
    return value == "1" || value == "t" || value == "true";
  });
}

/// What is in a download or a repository, and how to read it before anything is solved.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// -f is a path inside of such a context, unless it is absolute, a URL or standard input.
llb::SourceText find_dockerfile(const BuildOptions& options, const RemoteSources& remote, const ReadFile& read) {
  if (options.file == "-") return {"Dockerfile", dockerfile_from_standard_input(remote.stop)};
  if (dockerfile::is_http_url(options.file)) return download_dockerfile(options.file, remote);
  if (fs::path(options.file).is_absolute() && fs::exists(options.file)) {
    return {fs::path(options.file).filename().string(), util::read_file(options.file, kLargestDockerfile)};
  }
  std::vector<std::string> names{options.file};
  if (options.file.empty()) names = {"Dockerfile", "dockerfile", "Containerfile"};
  for (const std::string& name : names) {
    if (std::optional<std::string> text = read(name)) return {fs::path(name).filename().string(), std::move(*text)};
  }
  if (!options.file.empty()) {
    throw util::Error(fmt::format("open Dockerfile `{}` in the build context: no such file", options.file));
  }
  throw util::Error("open Dockerfile in the build context: no such file (looked for Dockerfile, dockerfile, Containerfile)",
                    "name it with -f FILE");
}

std::optional<std::string> read_from_tree(const cache::Tree& tree, const std::string& path) {
  const std::string resolved = cache::resolve_path(tree, path, true);
  const auto entry = tree.find(resolved);
  if (!entry || !entry->is_file()) return std::nullopt;
  return util::read_all(*tree.open(resolved), kLargestDockerfile);
}

/// The whole of `input` at the root of an empty file system; `unpack`: of the archive that `source` names.
llb::VertexRef copied(llb::VertexRef input, const std::string& source, bool unpack, const std::string& shown) {
  llb::CopyAction copy;
  copy.input = 1;
  copy.source = source;
  copy.destination = "/";
  copy.allow_wildcard = false;
  copy.unpack = unpack;
  llb::FileOp op;
  op.actions.emplace_back(std::move(copy));
  return llb::make_vertex(std::move(op), {nullptr, std::move(input)}, meta_named(shown));
}

BuildContext archive_context(const BuildOptions& options, llb::HttpSource archive, const RemoteSources& remote,
                             const util::Digest& digest) {
  BuildContext context;
  context.dockerfile = std::make_shared<llb::SourceText>(find_dockerfile(options, remote, [&](const std::string& path) {
    return read_archived_file([&] { return remote.content.open(digest); }, path, kLargestDockerfile);
  }));
  const std::string path = "/" + archive.filename;
  const llb::VertexRef download = llb::make_vertex(std::move(archive), {}, meta_named("[internal] load build context"));
  context.vertex = copied(download, path, true, "[internal] unpack build context");
  return context;
}

BuildContext open_git(const BuildOptions& options, const dockerfile::GitUrl& url, const RemoteSources& remote) {
  llb::GitSource git = dockerfile::git_source(url);
  git.commit_time = git.commit_time || wants_commit_time(options);
  git.keep_git_dir = git.keep_git_dir || wants_git_directory(options);
  const std::string shown = "[internal] load git source " + util::display_url(options.context);
  util::ProgressTask task(remote.progress, shown);
  const source::Pin pin = remote.git.pin(git, &task, remote.stop);
  const cache::Result result = remote.git.fetch(git, pin, &task, remote.stop);
  BuildContext context;
  context.dockerfile = std::make_shared<llb::SourceText>(
      find_dockerfile(options, remote, [&](const std::string& path) { return read_from_tree(*result.tree, path); }));
  context.vertex = llb::make_vertex(std::move(git), {}, meta_named(shown));
  task.done();
  return context;
}

llb::HttpSource http_source(const std::string& url, const std::string& filename) {
  llb::HttpSource source;
  source.url = url;
  source.filename = filename;
  return source;
}

BuildContext open_download(const BuildOptions& options, const RemoteSources& remote) {
  llb::HttpSource source = http_source(options.context, kContextName);
  util::ProgressTask task(remote.progress, "[internal] load remote build context");
  const source::Pin pin = remote.http.pin(source, &task, remote.stop);
  task.done();
  if (is_archive(*remote.content.open(pin.digest))) return archive_context(options, source, remote, pin.digest);
  BuildContext context;
  const auto body = [&](const std::string&) { return std::optional(remote.content.read(pin.digest)); };
  BuildOptions plain = options;
  // There is only one file; whatever it is called, it is the Dockerfile.
  if (!fs::path(options.file).is_absolute() && options.file != "-" && !dockerfile::is_http_url(options.file)) {
    plain.file.clear();
  }
  context.dockerfile = std::make_shared<llb::SourceText>(find_dockerfile(plain, remote, body));
  context.vertex = llb::make_vertex(std::move(source), {}, meta_named("[internal] load remote build context"));
  return context;
}

}  // namespace

bool is_remote_context(const std::string& text) {
  std::error_code error;
  if (fs::exists(text, error)) return false;
  return dockerfile::is_http_url(text) || dockerfile::parse_git_url(text, true).has_value();
}

BuildContext open_remote_context(const BuildOptions& options, const RemoteSources& remote) {
  const auto git = dockerfile::parse_git_url(options.context, true);
  return git ? open_git(options, *git, remote) : open_download(options, remote);
}

BuildContext open_standard_input(const BuildOptions& options, const RemoteSources* remote) {
  util::FdReader input(STDIN_FILENO, remote == nullptr ? std::stop_token() : remote->stop);
  std::string head(kSniffed, '\0');
  head.resize(util::read_full(input, std::as_writable_bytes(std::span(head))));
  util::StringReader sniffed(head);
  if (!is_archive(sniffed)) {
    if (!options.file.empty()) {
      throw UsageError("`-f` together with a Dockerfile on standard input is ambiguous",
                       "give the context as a directory: builder build -f - DIRECTORY");
    }
    BuildContext context;
    if (head.size() == kSniffed) head += util::read_all(input, kLargestDockerfile);
    context.dockerfile = std::make_shared<llb::SourceText>(llb::SourceText{"Dockerfile", std::move(head)});
    return context;
  }
  if (options.file == "-") {
    throw UsageError("`-f -`: standard input is the build context already", "name the Dockerfile in the archive");
  }
  if (remote == nullptr) {
    throw util::Error("read the context from standard input: a tar archive can only be built, not checked",
                      "unpack it and give the directory");
  }
  cache::BlobWriter writer = remote->content.create();
  writer.write(util::as_bytes(head));
  util::copy(input, writer);
  const cache::BlobInfo blob = writer.commit();
  return archive_context(options, remote->http.adopt(blob, kContextName), *remote, blob.digest);
}

llb::SourceText download_dockerfile(const std::string& url, const RemoteSources& remote) {
  util::ProgressTask task(remote.progress, "[internal] load remote build definition");
  const source::Pin pin = remote.http.pin(http_source(url, "Dockerfile"), &task, remote.stop);
  task.done();
  return {dockerfile::http_file_name(url), util::read_all(*remote.content.open(pin.digest), kLargestDockerfile)};
}

llb::VertexRef remote_named_context(const std::string& name, const std::string& url) {
  const std::string shown = fmt::format("[context {}] load {}", name, util::display_url(url));
  const auto git = dockerfile::parse_git_url(url, true);
  llb::VertexRef source =
      git ? llb::make_vertex(dockerfile::git_source(*git), {}, meta_named(shown))
          : llb::make_vertex(http_source(url, kContextName), {}, meta_named(shown));
  // A stage may begin with it, which takes layers.
  return copied(std::move(source), "/", false, fmt::format("[context {}] copy", name));
}

std::string dockerfile_from_standard_input(std::stop_token stop) {
  util::FdReader input(STDIN_FILENO, std::move(stop));
  std::string text = util::read_all(input, kLargestDockerfile);
  util::StringReader sniffed(text.substr(0, kSniffed));
  if (is_archive(sniffed)) {
    throw util::Error("read the Dockerfile from standard input: it is an archive",
                      "to build from an archive: builder build - < ARCHIVE");
  }
  return text;
}

}  // namespace builder
