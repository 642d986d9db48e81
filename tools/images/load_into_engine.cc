#include "tools/images/load_into_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "exporter/layout_writer.h"
#include "tools/images/carried_image.h"
#include "tools/images/image_view.h"
#include "util/error.h"
#include "util/piped_reader.h"

namespace builder {
namespace {

/// The id by which the engine knows the image: one with docker's own store takes the config's digest, one with containerd's
/// that of the manifest.
std::optional<util::Digest> id_there(Engine& engine, const exporter::WrittenImage& image, const std::stop_token& stop) {
  std::vector<util::Digest> ids = {image.descriptor.digest};
  if (image.platforms.size() == 1) ids.push_back(image.platforms.front().config.digest);
  for (const util::Digest& id : ids) {
    if (engine.has(id, stop)) return id;
  }
  return std::nullopt;
}

void send(Engine& engine, const exporter::NamedImage& image, cache::CacheDir& cache, const std::stop_token& stop) {
  const exporter::Layout layout = exporter::make_layout({&image, 1}, true);
  const cache::ContentStore& content = cache.content();
  util::PipedReader archive([&](util::Writer& to) { exporter::write_layout_archive(layout, to, content, stop); });
  engine.load(archive, stop);
}

}  // namespace

void load_into_engine(Engine& engine, const oci::Descriptor& image, const std::vector<oci::Reference>& names,
                      cache::CacheDir& cache, util::ProgressSink& progress, std::stop_token stop) {
  util::ProgressTask task(progress, "loading into " + engine.name());
  try {
    const ImageView view(cache);
    const auto stored = std::ranges::find(view.images(), image.digest, [](const LocalImage& one) { return one.descriptor.digest; });
    if (stored == view.images().end()) throw util::Error(fmt::format("image `{}` is not in the store", image.digest.to_string()));
    CarriedImage carried = carry(*stored, std::nullopt, view, cache);
    if (const auto id = id_there(engine, carried.written, stop)) {
      for (const oci::Reference& name : names) engine.tag(*id, name, stop);
      return task.done(true);
    }
    fetch_layers(carried, cache.layers(), task, stop);
    task.bytes("sending tarball", 0, 0);
    send(engine, {std::move(carried.written), names}, cache, stop);
    task.bytes("sending tarball", 0, 0, true);
    task.done();
  } catch (const util::Error& error) {
    task.fail(error.message());
    throw;
  }
}

}  // namespace builder
