#include "tools/images/layer_import.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "oci/layer.h"
#include "util/compression.h"
#include "util/error.h"

namespace builder {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr std::size_t kHead = 6;

/// Passes bytes on and gives `copy` (nullptr = nobody) all that were read.
class CopyingReader final : public util::Reader {
 public:
  CopyingReader(util::Reader& from, util::Writer* copy, const std::stop_token& stop) : from_(from), copy_(copy), stop_(stop) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (stop_.stop_requested()) throw util::Cancelled();
    const std::size_t count = from_.read(buffer);
    if (copy_ != nullptr && count > 0) copy_->write(util::Bytes(buffer).first(count));
    return count;
  }

 private:
  util::Reader& from_;
  util::Writer* copy_;
  const std::stop_token& stop_;
};

/// First bytes that were looked at, and the rest.
class JoinedReader final : public util::Reader {
 public:
  JoinedReader(util::Bytes head, util::Reader& rest) : head_(head), rest_(rest) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (head_.empty()) return rest_.read(buffer);
    const std::size_t count = std::min(head_.size(), buffer.size());
    std::copy_n(head_.begin(), count, buffer.begin());
    head_ = head_.subspan(count);
    return count;
  }

 private:
  util::Bytes head_;
  util::Reader& rest_;
};

class NoWriter final : public util::Writer {
 public:
  void write(util::Bytes) override {}
};

void drain(util::Reader& reader) {
  std::vector<std::byte> buffer(kBuffer);
  while (reader.read(buffer) != 0) {
  }
}

}  // namespace

ImportedLayer import_layer(util::Reader& from, const cache::ContentStore& content, const std::stop_token& stop) {
  std::array<std::byte, kHead> head{};
  std::size_t known = 0;
  while (known < head.size()) {
    const std::size_t count = from.read(std::span(head).subspan(known));
    if (count == 0) break;
    known += count;
  }
  if (known == 0) throw util::Error("the archive is empty");
  const util::Encoding encoding = util::detect_encoding(util::Bytes(head).first(known));
  const bool keep = encoding == util::Encoding::gzip || encoding == util::Encoding::zstd;
  const util::Compression compression = encoding == util::Encoding::zstd ? util::Compression::zstd : util::Compression::gzip;

  cache::BlobWriter blob = content.create();
  NoWriter nothing;
  const std::unique_ptr<util::Writer> packer = keep ? nullptr : util::make_compressor(compression, std::nullopt, blob);
  util::HashingWriter tar_bytes(keep ? static_cast<util::Writer&>(nothing) : *packer);

  JoinedReader whole(util::Bytes(head).first(known), from);
  CopyingReader raw(whole, keep ? &blob : nullptr, stop);
  const std::unique_ptr<util::Reader> unpacked = util::make_decompressor(raw);
  CopyingReader tar(*unpacked, &tar_bytes, stop);
  oci::read_layer(tar, [](oci::LayerEntry&, util::Reader*) {});
  drain(tar);
  drain(raw);
  if (!keep) packer->finish();

  ImportedLayer layer;
  layer.diff_id = tar_bytes.digest();
  const cache::BlobInfo info = blob.commit();
  layer.descriptor.media_type = oci::layer_media_type(compression);
  layer.descriptor.digest = info.digest;
  layer.descriptor.size = static_cast<std::int64_t>(info.size);
  return layer;
}

}  // namespace builder
