#include "exporter/rewrite_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "util/compression.h"
#include "util/error.h"
#include "util/stream.h"
#include "util/tar.h"
#include "util/text.h"

namespace exporter {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string fact_key(const cache::LayerBlob& blob, std::int64_t epoch, const cache::PackOptions& options) {
  return fmt::format("rewrite-timestamp/1 {} {} {} {}", blob.descriptor.digest.to_string(), epoch,
                     util::to_string(options.compression), options.level.value_or(-1));
}

cache::LayerBlob make_blob(const cache::BlobInfo& info, const util::Digest& diff_id, std::int64_t epoch,
                           const cache::PackOptions& options) {
  cache::LayerBlob blob;
  blob.descriptor.media_type = oci::layer_media_type(options.compression);
  blob.descriptor.digest = info.digest;
  blob.descriptor.size = static_cast<std::int64_t>(info.size);
  blob.descriptor.annotations["buildkit/rewritten-timestamp"] = std::to_string(epoch);
  blob.diff_id = diff_id;
  return blob;
}

/// "DIGEST DIFF_ID" of an earlier export, if that blob is still there.
std::optional<cache::LayerBlob> find_known(const std::string& key, std::int64_t epoch,
                                           const cache::PackOptions& options, cache::CacheDir& cache) {
  auto fact = cache.records().find_fact(key);
  if (!fact) return std::nullopt;
  std::vector<std::string> parts = util::split(fact->first, ' ');
  if (parts.size() != 2) return std::nullopt;
  std::optional<util::Digest> digest = util::Digest::find(parts[0]);
  std::optional<util::Digest> diff_id = util::Digest::find(parts[1]);
  if (!digest || !diff_id) return std::nullopt;
  std::optional<cache::BlobInfo> info = cache.content().find(*digest);
  if (!info) return std::nullopt;
  return make_blob(*info, *diff_id, epoch, options);
}

void copy_clamped(util::Reader& from, util::Writer& to, std::int64_t epoch, const std::stop_token& stop) {
  util::TarReader reader(from);
  util::TarWriter writer(to);
  const util::Buffer buffer(std::size_t{256} << 10);
  while (std::optional<util::TarEntry> entry = reader.next()) {
    if (stop.stop_requested()) throw util::Cancelled();
    entry->mtime = std::min(entry->mtime, epoch * kSecond);
    writer.add(*entry);
    if (entry->type != util::FileType::regular || entry->hard_link) continue;
    while (std::size_t count = reader.content().read(buffer)) {
      if (stop.stop_requested()) throw util::Cancelled();
      writer.write(util::Bytes(buffer).first(count));
    }
  }
  writer.finish();
}

}  // namespace

cache::LayerBlob rewrite_times(const cache::LayerBlob& blob, std::int64_t epoch, const cache::PackOptions& options,
                               cache::CacheDir& cache, std::stop_token stop) {
  std::string key = fact_key(blob, epoch, options);
  if (std::optional<cache::LayerBlob> known = find_known(key, epoch, options, cache)) return *known;

  std::unique_ptr<util::Reader> packed = cache.content().open(blob.descriptor.digest);
  std::unique_ptr<util::Reader> tar = util::make_decompressor(*packed);
  cache::BlobWriter out = cache.content().create();
  std::unique_ptr<util::Writer> compressor = util::make_compressor(options.compression, options.level, out);
  util::HashingWriter plain(*compressor);
  cache.content().verify(blob.descriptor.digest, stop);
  util::with_context(fmt::format("rewrite the times of layer `{}`", blob.descriptor.digest.to_string()),
                     [&] { copy_clamped(*tar, plain, epoch, stop); });
  plain.finish();

  util::Digest diff_id = plain.digest();
  cache::BlobInfo info = out.commit();
  cache.records().save_fact(key, info.digest.to_string() + " " + diff_id.to_string());
  return make_blob(info, diff_id, epoch, options);
}

}  // namespace exporter
