#include <fmt/format.h>
#include <zstd.h>

#include "util/compression_encoder.h"
#include "util/error.h"

namespace util {
namespace {

constexpr int kDefaultLevel = 3;

void check(std::size_t result) {
  if (ZSTD_isError(result)) throw Error(fmt::format("compress with zstd: {}", ZSTD_getErrorName(result)));
}

class ZstdEncoder final : public ChunkEncoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx()) {
    if (!context_) throw Error("start the zstd compressor: not enough memory");
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }
  Bytes encode(Bytes input, std::vector<std::byte>& space) override {
    const std::size_t bound = ZSTD_compressBound(input.size());
    if (space.size() < bound) space.resize(bound);
    const std::size_t size = ZSTD_compress2(context_.get(), space.data(), space.size(), input.data(), input.size());
    check(size);
    return Bytes(space).first(size);
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<ChunkEncoder> make_zstd_encoder(std::optional<int> level) {
  return std::make_unique<ZstdEncoder>(level.value_or(kDefaultLevel));
}

}  // namespace util
