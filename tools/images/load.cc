#include "tools/images/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <vector>

#include "cache/cache_dir.h"
#include "tools/images/archive_images.h"
#include "tools/images/archive_stage.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/stream.h"

namespace builder {
namespace {

ArchiveStage open_archive(const std::string& input, const cache::CacheDir& cache, const std::stop_token& stop) {
  if (input == "-") {
    if (::isatty(STDIN_FILENO) == 1) {
      throw util::Error("standard input is a terminal", "name an archive with --input, or send one to standard input");
    }
    util::FdReader reader(STDIN_FILENO, stop);
    return {reader, cache.temporary(), stop};
  }
  if (std::filesystem::is_directory(input)) return ArchiveStage(input);
  // Not to wait in here for a fifo that nobody writes to.
  util::FdReader reader(util::open_file(input, O_RDONLY | O_NONBLOCK), stop);
  return {reader, cache.temporary(), stop};
}

void name_image(const LoadedImage& image, cache::ImageStore& images) {
  if (image.names.empty()) {
    images.add_untagged(image.descriptor);
    std::cout << "Loaded image ID: " << image.id.to_string() << std::endl;
  }
  for (const oci::Reference& name : image.names) {
    images.tag(name, image.descriptor);
    std::cout << "Loaded image: " << name.familiar() << std::endl;
  }
}

}  // namespace

void load(const LoadOptions& options, const std::filesystem::path& root, std::stop_token stop) {
  cache::CacheDir cache(root);
  const std::string source = options.input == "-" ? std::string("standard input") : fmt::format("`{}`", options.input);
  const std::vector<LoadedImage> images = util::with_context("load " + source, [&] {
    const ArchiveStage archive = open_archive(options.input, cache, stop);
    return store_images(archive, options.platform, cache.content(), stop);
  });
  for (const LoadedImage& image : images) name_image(image, cache.images());
}

}  // namespace builder
