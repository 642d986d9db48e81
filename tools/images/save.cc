#include "tools/images/save.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cache/damage.h"
#include "exporter/layout_writer.h"
#include "exporter/output_file.h"
#include "tools/builder/usage_error.h"
#include "tools/images/carried_image.h"
#include "tools/images/image_services.h"
#include "util/error.h"

namespace builder {
namespace {

enum class Format { docker, oci, oci_directory };

Format parse_format(const std::string& name) {
  if (name == "docker" || name == "docker-archive") return Format::docker;
  if (name == "oci" || name == "oci-archive") return Format::oci;
  if (name == "oci-dir") return Format::oci_directory;
  throw UsageError(fmt::format("--format `{}`: unknown", name), "known: docker, oci, oci-dir");
}

void check_destination(const std::string& output, Format format) {
  if (format == Format::oci_directory) {
    if (output == "-") throw UsageError("save: a directory cannot go to standard output", "name it with --output");
    return exporter::check_directory(output);
  }
  if (output == "-" && ::isatty(STDOUT_FILENO) == 1) {
    throw util::Error("save: standard output is a terminal", "give --output FILE, or send the output to a file or another program");
  }
  exporter::OutputFile::check(output);
}

/// An image that is named twice is in the archive once, with both names.
std::vector<exporter::NamedImage> collect(const std::vector<std::string>& names, const SaveOptions& options,
                                          ImageServices& services, const std::stop_token& stop) {
  util::NullProgress progress;
  util::ProgressTask task(progress, "save");
  const ImageView view(services.cache);
  std::vector<exporter::NamedImage> images;
  for (const std::string& text : names) {
    for (const FoundImage& found : view.find_all(text)) {
      CarriedImage carried = carry(*found.image, options.platform, view, services.cache);
      const auto known = std::ranges::find(images, carried.written.descriptor.digest,
                                           [](const exporter::NamedImage& one) { return one.image.descriptor.digest; });
      if (known == images.end()) fetch_layers(carried, services.cache.layers(), task, stop);
      exporter::NamedImage& image =
          known == images.end() ? images.emplace_back(exporter::NamedImage{std::move(carried.written), {}}) : *known;
      if (found.name) image.names.push_back(oci::Reference::parse(*found.name));
    }
  }
  task.done();
  return images;
}

}  // namespace

void save(const std::vector<std::string>& names, const SaveOptions& options, const std::filesystem::path& root,
          std::stop_token stop) {
  const Format format = parse_format(options.format);
  check_destination(options.output, format);
  util::NullProgress progress;
  ImageServices services(root, progress, false, stop);
  const cache::ContentStore& content = services.cache.content();
  cache::retry_after_damage([&] {
    const std::vector<exporter::NamedImage> images = collect(names, options, services, stop);
    const exporter::Layout layout = exporter::make_layout(images, format == Format::docker);
    util::with_context("save to " + exporter::display_destination(options.output), [&] {
      if (format == Format::oci_directory) return exporter::write_layout_directory(layout, options.output, content, stop);
      exporter::OutputFile file(options.output);
      exporter::write_layout_archive(layout, file, content, stop);
      file.finish();
    });
  });
}

}  // namespace builder
