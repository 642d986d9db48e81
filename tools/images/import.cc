#include "tools/images/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <variant>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/parser.h"
#include "oci/image.h"
#include "tools/builder/usage_error.h"
#include "tools/images/image_services.h"
#include "tools/images/layer_import.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/http.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

/// What may be changed at an image without building: what docker allows.
constexpr std::array<std::string_view, 11> kChanges = {"CMD",   "ENTRYPOINT", "ENV",  "EXPOSE", "HEALTHCHECK", "LABEL",
                                                       "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"};

/// Standard input, a file, or what a URL gives, which is set aside in `temporary`.
std::unique_ptr<util::Reader> open_archive(const std::string& archive, const std::filesystem::path& temporary,
                                           const std::stop_token& stop) {
  if (archive == "-") {
    if (::isatty(STDIN_FILENO) == 1) throw util::Error("standard input is a terminal", "name an archive, or send one to standard input");
    return std::make_unique<util::FdReader>(STDIN_FILENO, stop);
  }
  if (!archive.starts_with("http://") && !archive.starts_with("https://")) {
    return std::make_unique<util::FdReader>(util::open_file(archive, O_RDONLY | O_NONBLOCK), stop);
  }
  const std::filesystem::path file = temporary / "import";
  util::Fd fd = util::open_file(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
  ::unlink(file.c_str());
  util::FdWriter writer(fd.get());
  util::HttpRequest request;
  request.url = archive;
  const util::HttpResponse response = util::HttpClient("builder/" BUILDER_VERSION).perform(request, &writer, stop);
  if (response.status != 200) throw util::Error(fmt::format("the server answered {}", response.status));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) util::throw_errno("read what was downloaded");
  return std::make_unique<util::FdReader>(std::move(fd));
}

/// The instruction that `error` is about, and what is wrong with it: the lines around it are nothing that the user wrote.
[[noreturn]] void throw_change_error(const dockerfile::DockerfileError& error) {
  std::string message = error.message();
  if (dynamic_cast<const dockerfile::ParseError*>(&error) != nullptr) message.erase(0, message.find(": ") + 2);
  const llb::SourceLocation& location = error.location();
  if (location.ranges.empty()) throw util::Error("--change: " + message, error.hint());
  std::string_view text = location.source->text;
  for (int line = 1; line < location.ranges.front().first; ++line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  throw util::Error(fmt::format("--change `{}`: {}", text.substr(0, text.find('\n')), message), error.hint());
}

void check_changes(const std::vector<dockerfile::Stage>& stages, std::size_t first) {
  const std::vector<std::string> known(kChanges.begin(), kChanges.end());
  const std::string possible = "possible: " + util::join(known, ", ");
  const auto refuse = [&](const dockerfile::Instruction& instruction) {
    throw UsageError(fmt::format("--change `{}`: this instruction is not possible here", instruction.original), possible);
  };
  if (stages.size() > 1) refuse(stages[1].from);
  const auto& instructions = stages.front().instructions;
  if (instructions.size() == first) throw UsageError("--change: there is no instruction in it", possible);
  for (const dockerfile::Instruction& instruction : instructions) {
    if (std::ranges::find(known, instruction.name) == known.end()) refuse(instruction);
  }
}

/// Behind how many other variables ENV sets PATH; nullopt if it does not.
std::optional<std::size_t> place_of_path(std::span<const dockerfile::Instruction> changes) {
  std::set<std::string> before;
  for (const dockerfile::Instruction& change : changes) {
    const auto* env = std::get_if<dockerfile::EnvInstruction>(&change.value);
    if (env == nullptr) continue;
    for (const dockerfile::KeyValue& variable : env->variables) {
      if (variable.key == "PATH") return before.size();
      before.insert(variable.key);
    }
  }
  return std::nullopt;
}

/// The instructions are those of a Dockerfile, so they are read as one; but no PATH and no directory is set here that
/// nobody asked for.
oci::ImageConfig config_of(const ImportOptions& options, const oci::Platform& platform, oci::ImageResolver& resolver) {
  static constexpr std::string_view kStart = "FROM scratch\nENV PATH=\n";
  static constexpr std::size_t kOurs = 1;  // instructions in it
  if (options.changes.empty()) return {};
  const std::string text = std::string(kStart) + util::join(options.changes, "\n") + "\n";
  try {
    std::vector<dockerfile::Warning> warnings;
    const dockerfile::Dockerfile parsed =
        dockerfile::parse(std::make_shared<llb::SourceText>(llb::SourceText{"--change", text}), warnings);
    check_changes(parsed.stages, kOurs);
    const auto changes = std::span(parsed.stages.front().instructions).subspan(kOurs);
    dockerfile::FrontendRequest request;
    request.platforms = {platform};
    oci::ImageConfig config = dockerfile::compile(parsed, request, resolver).platforms.at(0).config;
    config.args_escaped = false;  // which only builds say
    if (const auto place = place_of_path(changes)) {
      std::rotate(config.env.begin(), config.env.begin() + 1, config.env.begin() + 1 + static_cast<std::ptrdiff_t>(*place));
    } else {
      config.env.erase(config.env.begin());
    }
    const auto sets_directory = [](const dockerfile::Instruction& change) { return change.name == "WORKDIR"; };
    if (std::ranges::none_of(changes, sets_directory)) config.working_dir.clear();
    return config;
  } catch (const dockerfile::DockerfileError& error) {
    throw_change_error(error);
  }
}

oci::Descriptor put(const cache::ContentStore& content, std::string_view media_type, const std::string& text) {
  oci::Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = content.put(text).digest;
  descriptor.size = static_cast<std::int64_t>(text.size());
  return descriptor;
}

}  // namespace

void import_image(const std::string& archive, const std::string& name, const ImportOptions& options,
                  const std::filesystem::path& root, std::stop_token stop) {
  const std::optional<oci::Reference> reference = name.empty() ? std::nullopt : std::optional(oci::Reference::parse(name));
  if (reference && reference->digest) throw UsageError(fmt::format("import: `{}` has a digest; an image gets that by itself", name));
  util::NullProgress progress;
  ImageServices services(root, progress, false, stop);
  const cache::ContentStore& content = services.cache.content();
  const oci::Platform platform = options.platform.value_or(oci::Platform::local());
  oci::ImageConfig config = config_of(options, platform, services.source);

  const ImportedLayer layer = util::with_context(archive == "-" ? "import standard input" : fmt::format("import `{}`", archive), [&] {
    return import_layer(*open_archive(archive, services.cache.temporary(), stop), content, stop);
  });
  config.platform = platform;
  config.created = util::format_rfc3339(util::now_nanoseconds());
  config.diff_ids = {layer.diff_id};
  oci::HistoryEntry entry;
  entry.created = config.created;
  entry.comment = options.message.empty() ? "Imported from " + archive : options.message;
  config.history = {entry};

  oci::Manifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = put(content, oci::kOciConfig, oci::to_json_text(config));
  manifest.layers = {layer.descriptor};
  const oci::Descriptor descriptor = put(content, manifest.media_type, oci::to_json_text(manifest));
  if (reference) {
    services.cache.images().tag(*reference, descriptor);
  } else {
    services.cache.images().add_untagged(descriptor);
  }
  std::cout << manifest.config.digest.to_string() << std::endl;
}

}  // namespace builder
