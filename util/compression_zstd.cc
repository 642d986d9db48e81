#include <fmt/format.h>
// What is below ZSTD_STATIC_LINKING_ONLY may change with the library's version: only ZSTD_c_stableInBuffer is used of it.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "util/compression_encoder.h"
#include "util/error.h"

namespace util {
namespace {

constexpr int kDefaultLevel = 3;
/// What no level was asked for is compressed as level 3 does, but the table of short matches is small enough for the processor's
/// first cache, and the window is as large as a chunk: 5 to 14 % less time for 1 to 2 % more bytes (bench/RESULTS.md).
constexpr int kDefaultChainLog = 11;
constexpr int kDefaultWindowLog = 22;

void check(std::size_t result) {
  if (ZSTD_isError(result)) throw Error(fmt::format("compress with zstd: {}", ZSTD_getErrorName(result)));
}

class ZstdEncoder final : public ChunkEncoder {
 public:
  explicit ZstdEncoder(std::optional<int> level) : has_level_(level.has_value()), context_(ZSTD_createCCtx()) {
    if (!context_) throw Error("start the zstd compressor: not enough memory");
    set(ZSTD_c_compressionLevel, level.value_or(kDefaultLevel));
    if (!level) {
      set(ZSTD_c_chainLog, kDefaultChainLog);
      set(ZSTD_c_windowLog, kDefaultWindowLog);
    }
    set(ZSTD_c_checksumFlag, 1);
    // The chunk is its own window: no copy of it. Older versions refuse that it becomes longer (where the library is not linked in).
    if (ZSTD_versionNumber() >= 10504) set(ZSTD_c_stableInBuffer, 1);
  }
  Bytes encode(Bytes input, std::vector<std::byte>& space) override {
    const std::size_t bound = ZSTD_compressBound(input.size());
    if (space.size() < bound) space.resize(bound);
    DataRuns runs(input, true);
    const DataRun first = has_level_ ? DataRun{input} : runs.next();
    if (first.data.size() == input.size()) {
      const std::size_t size = ZSTD_compress2(context_.get(), space.data(), space.size(), input.data(), input.size());
      check(size);
      return Bytes(space).first(size);
    }
    return encode_runs(input.size(), first, runs, space);
  }

 private:
  /// What holds nothing to compress begins and ends with a block: zstd sees that and stores it.
  Bytes encode_runs(std::size_t size, DataRun run, DataRuns& more, std::vector<std::byte>& space) {
    ZSTD_CCtx* const context = context_.get();
    check(ZSTD_CCtx_reset(context, ZSTD_reset_session_only));
    check(ZSTD_CCtx_setPledgedSrcSize(context, size));
    ZSTD_outBuffer to = {space.data(), space.size(), 0};
    ZSTD_inBuffer from = {run.data.data(), 0, 0};
    for (;;) {
      const bool is_last = more.at_end();
      from.size += run.data.size();
      while (const std::size_t left = ZSTD_compressStream2(context, &to, &from, is_last ? ZSTD_e_end : ZSTD_e_flush)) {
        check(left);
        // Each block may take three bytes more than what it stores.
        if (to.pos != to.size) continue;
        space.resize(space.size() + left);
        to = {space.data(), space.size(), to.pos};
      }
      if (is_last) return Bytes(space).first(to.pos);
      run = more.next();
    }
  }

  void set(ZSTD_cParameter parameter, int value) { check(ZSTD_CCtx_setParameter(context_.get(), parameter, value)); }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  bool has_level_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<ChunkEncoder> make_zstd_encoder(std::optional<int> level) {
  return std::make_unique<ZstdEncoder>(level);
}

}  // namespace util
