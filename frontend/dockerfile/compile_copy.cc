// COPY and ADD.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/dockerfile/chmod.h"
#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/container_path.h"
#include "frontend/dockerfile/remote_source.h"
#include "util/text.h"

namespace dockerfile {
namespace {

/// The file op of a COPY or ADD while it is put together.
class CopyLowering {
 public:
  /// `copy` is expanded.
  CopyLowering(Step& step, const CopyInstruction& copy) : step_(step), copy_(copy) {
    destination_ = join_directory_path(step.state.directory, copy.destination);
    if (!copy.chown.empty()) owner_ = llb::Owner{copy.chown};
    // Sources that are vertices of their own belong to the same step for people.
    meta_ = step.meta(step.text(), true);
  }

  void add_source(const std::string& source);
  void add_heredoc(const Heredoc& heredoc);
  void apply();

 private:
  llb::CopyAction action(const llb::VertexRef& input, std::string source);
  int input_number(const llb::VertexRef& vertex);
  void add_git(const std::string& source, const GitUrl& url);
  void add_http(const std::string& source);
  void add_local(const std::string& source);
  bool linked() const { return copy_.link && copy_.chmod.empty(); }

  Step& step_;
  const CopyInstruction& copy_;
  std::string destination_;
  std::optional<llb::Owner> owner_;
  llb::VertexMeta meta_;
  llb::FileOp op_;
  std::vector<llb::VertexRef> sources_;  ///< inputs 1..
};

int CopyLowering::input_number(const llb::VertexRef& vertex) {
  const auto found = std::find(sources_.begin(), sources_.end(), vertex);
  const auto index = found - sources_.begin();
  if (found == sources_.end()) sources_.push_back(vertex);
  return static_cast<int>(index) + 1;
}

void CopyLowering::add_source(const std::string& source) {
  const auto git = parse_git_url(source);
  if (!git && !is_http_url(source)) return add_local(source);
  if (!copy_.is_add) {
    throw util::Error(fmt::format("COPY `{}`: the source is not a local path", url_without_credentials(source)),
                      "ADD takes URLs and git repositories");
  }
  if (git) return add_git(source, *git);
  add_http(source);
}

void CopyLowering::add_git(const std::string& source, const GitUrl& url) {
  llb::GitSource git = git_source(url);
  if (copy_.keep_git_dir) {
    if (url.keep_git_dir && *url.keep_git_dir != *copy_.keep_git_dir) {
      throw util::Error(
          fmt::format("ADD `{}`: --keep-git-dir and the URL do not agree", url_without_credentials(source)));
    }
    git.keep_git_dir = *copy_.keep_git_dir;
  }
  if (!copy_.checksum.empty()) {
    const std::string checksum = util::to_lower(copy_.checksum);
    if (!git.checksum.empty() && !git.checksum.starts_with(checksum) && !checksum.starts_with(git.checksum)) {
      throw util::Error(fmt::format("ADD `{}`: --checksum and the URL do not agree", url_without_credentials(source)));
    }
    if (checksum.size() > 64 || checksum.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw util::Error(fmt::format("ADD --checksum `{}`: not a commit", copy_.checksum), "give the commit in hex");
    }
    if (checksum.size() > git.checksum.size()) git.checksum = checksum;
  }
  llb::CopyAction copy = action(llb::make_vertex(std::move(git), {}, meta_), "/");
  copy.allow_wildcard = false;
  copy.unpack = copy_.unpack.value_or(false);
  op_.actions.emplace_back(std::move(copy));
}

void CopyLowering::add_http(const std::string& source) {
  llb::HttpSource http;
  http.url = source;
  http.filename = http_file_name(source);
  if (!copy_.checksum.empty()) {
    if (!copy_.checksum.starts_with("sha256:")) {
      throw util::Error(fmt::format("ADD --checksum `{}`: unsupported algorithm", copy_.checksum),
                        "use sha256:<64 hex digits>");
    }
    http.checksum = util::with_context("ADD --checksum", [&] { return util::Digest::parse(copy_.checksum); });
  }
  const std::string path = "/" + http.filename;
  llb::CopyAction copy = action(llb::make_vertex(std::move(http), {}, meta_), path);
  copy.allow_wildcard = false;
  copy.unpack = copy_.unpack.value_or(false);
  op_.actions.emplace_back(std::move(copy));
}

void CopyLowering::add_local(const std::string& source) {
  const StageState* from = step_.sources.empty() ? nullptr : step_.sources.front();
  if (from == nullptr && copies_ignored_file(source, step_.context.ignored, step_.context.request.ignore_patterns)) {
    step_.lint("CopyIgnoredFile", fmt::format("{} of `{}`, which the ignore file leaves out",
                                              copy_.is_add ? "ADD" : "COPY", join_path("/", source).substr(1)));
  }
  llb::CopyAction copy = action(from != nullptr ? from->root : step_.context.request.context, {});
  copy.unpack = copy_.unpack.value_or(copy_.is_add);
  copy.parents = copy_.parents;
  const auto pivot = copy_.parents ? source.find("/./") : std::string::npos;
  if (pivot == std::string::npos) {
    copy.source = join_path("/", source);
  } else {
    const std::string before = join_path("/", source.substr(0, pivot));
    copy.source = (before == "/" ? "" : before) + "/." + join_path("/", source.substr(pivot + 3));
  }
  op_.actions.emplace_back(std::move(copy));
}

llb::CopyAction CopyLowering::action(const llb::VertexRef& input, std::string source) {
  llb::CopyAction copy;
  copy.input = input_number(input);
  copy.source = std::move(source);
  copy.destination = destination_;
  copy.owner = owner_;
  copy.mode = copy_.chmod;
  copy.exclude = copy_.exclude;
  return copy;
}

void CopyLowering::add_heredoc(const Heredoc& heredoc) {
  require_file_name(heredoc);
  llb::MkfileAction file;
  const bool into_directory = destination_.ends_with('/');
  file.path = into_directory ? destination_ + heredoc.name : destination_;
  if (!into_directory) file.name = heredoc.name;
  file.data = heredoc.content;
  file.mode_text = copy_.chmod;
  file.owner = owner_;
  op_.actions.emplace_back(std::move(file));
}

void CopyLowering::apply() {
  StageState& state = step_.state;
  std::vector<llb::VertexRef> inputs{linked() ? nullptr : state.root};
  inputs.insert(inputs.end(), sources_.begin(), sources_.end());
  llb::VertexRef copied = llb::make_vertex(std::move(op_), std::move(inputs), meta_);
  if (linked() && state.root != nullptr) {
    llb::VertexMeta meta = meta_;
    meta.name += " (link)";
    copied = llb::make_vertex(llb::MergeOp{}, {state.root, std::move(copied)}, std::move(meta));
  }
  state.root = std::move(copied);
}

CopyInstruction expand_copy(Step& step, const CopyInstruction& copy) {
  CopyInstruction expanded = copy;
  for (std::string& source : expanded.sources) source = step.expand(source);
  expanded.destination = step.expand(copy.destination);
  expanded.chown = step.expand(copy.chown);
  expanded.chmod = step.expand(copy.chmod);
  expanded.checksum = step.expand(copy.checksum);
  for (Heredoc& heredoc : expanded.heredocs) {
    if (heredoc.expand) heredoc.content = step.expand(heredoc.content, true);
  }
  return expanded;
}

void check_checksum(const CopyInstruction& copy) {
  if (copy.checksum.empty()) return;
  if (copy.sources.size() != 1 || !copy.heredocs.empty()) {
    throw util::Error("ADD --checksum: there must be exactly one source");
  }
  const std::string& source = copy.sources.front();
  if (!is_http_url(source) && !parse_git_url(source)) {
    throw util::Error(fmt::format("ADD --checksum: `{}` is a local path", source),
                      "checksums are for http(s) and git sources");
  }
}

}  // namespace

void lower_copy(Step& step, const CopyInstruction& copy) {
  const CopyInstruction expanded = expand_copy(step, copy);
  if (!expanded.chmod.empty()) check_chmod(expanded.chmod);
  check_checksum(expanded);
  CopyLowering lowering(step, expanded);
  for (const std::string& source : expanded.sources) lowering.add_source(source);
  for (const Heredoc& heredoc : expanded.heredocs) lowering.add_heredoc(heredoc);
  lowering.apply();
  step.state.commit(copy_history(expanded), true);
}

}  // namespace dockerfile
