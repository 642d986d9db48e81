#include "tools/images/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <utility>

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

/// The instructions are those of a Dockerfile, so they are read as one; but no PATH and no directory is set here that
/// nobody asked for.
oci::ImageConfig config_of(const ImportOptions& options, const oci::Platform& platform, oci::ImageResolver& resolver) {
  static constexpr std::string_view kNoPath = "PATH=";
  std::string text = fmt::format("FROM scratch\nENV {}\n", kNoPath);
  bool has_directory = false;
  for (const std::string& change : options.changes) {
    const std::string line(util::trim(change));
    const std::string word = util::to_upper(line.substr(0, line.find_first_of(" \t")));
    if (std::ranges::find(kChanges, word) == kChanges.end() || line.find('\n') != std::string::npos) {
      const std::vector<std::string> known(kChanges.begin(), kChanges.end());
      throw UsageError(fmt::format("--change `{}`: this instruction is not possible here", line), "possible: " + util::join(known, ", "));
    }
    text += line + "\n";
    has_directory |= word == "WORKDIR";
  }
  std::vector<dockerfile::Warning> warnings;
  const dockerfile::Dockerfile parsed =
      dockerfile::parse(std::make_shared<llb::SourceText>(llb::SourceText{"--change", text}), warnings);
  dockerfile::FrontendRequest request;
  request.platforms = {platform};
  oci::ImageConfig config = dockerfile::compile(parsed, request, resolver).platforms.at(0).config;
  std::erase(config.env, kNoPath);
  if (!has_directory) config.working_dir.clear();
  return config;
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
