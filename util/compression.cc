#include "util/compression.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "util/error.h"

namespace util {
namespace {

// Part of the output format: another size means other bytes for the same layer.
constexpr std::size_t kGzipChunk = std::size_t{1} << 20;
constexpr std::size_t kZstdChunk = std::size_t{4} << 20;

constexpr int kGzipDefaultLevel = 6;
constexpr int kZstdDefaultLevel = 3;

using Buffer = std::vector<std::byte>;

/// Turns one chunk into a self-contained piece of output. One per thread, so it may keep state.
class ChunkEncoder {
 public:
  virtual ~ChunkEncoder() = default;
  virtual void encode(Bytes input, Buffer& output) = 0;
};

class GzipEncoder final : public ChunkEncoder {
 public:
  explicit GzipEncoder(int level) : compressor_(libdeflate_alloc_compressor(level)) {
    if (!compressor_) throw Error("start the gzip compressor: not enough memory");
  }
  void encode(Bytes input, Buffer& output) override {
    output.resize(libdeflate_gzip_compress_bound(compressor_.get(), input.size()));
    std::size_t size =
        libdeflate_gzip_compress(compressor_.get(), input.data(), input.size(), output.data(), output.size());
    if (size == 0) throw Error("compress with gzip: output larger than its bound");
    output.resize(size);
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

class ZstdEncoder final : public ChunkEncoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx()) {
    if (!context_) throw Error("start the zstd compressor: not enough memory");
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
    check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }
  void encode(Bytes input, Buffer& output) override {
    output.resize(ZSTD_compressBound(input.size()));
    std::size_t size = ZSTD_compress2(context_.get(), output.data(), output.size(), input.data(), input.size());
    check(size);
    output.resize(size);
  }

 private:
  static void check(std::size_t result) {
    if (ZSTD_isError(result)) throw Error(fmt::format("compress with zstd: {}", ZSTD_getErrorName(result)));
  }
  struct Free {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

/// How one compression cuts and encodes.
struct Recipe {
  Compression compression;
  int level;
  std::size_t chunk() const { return compression == Compression::gzip ? kGzipChunk : kZstdChunk; }
  std::unique_ptr<ChunkEncoder> encoder() const {
    if (compression == Compression::gzip) return std::make_unique<GzipEncoder>(level);
    return std::make_unique<ZstdEncoder>(level);
  }
};

/// Cuts the input in chunks of fixed size, has them encoded by its threads, and hands the pieces on in
/// order from the caller's thread. At most two chunks per thread are held.
class ChunkedCompressor final : public Writer {
 public:
  ChunkedCompressor(Recipe recipe, Writer& next, unsigned threads)
      : recipe_(recipe),
        next_(next),
        limit_(threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency())) {}
  ~ChunkedCompressor() override;
  void write(Bytes data) override;
  void finish() override;

 private:
  struct Job {
    Buffer input;
    Buffer output;
    bool done = false;
    std::exception_ptr failure;
  };

  void submit();
  void encode_here(Job& job);
  void emit_front();
  void add_thread();
  void work() noexcept;
  std::unique_ptr<Job> take_spare();

  const Recipe recipe_;
  Writer& next_;
  const std::size_t limit_;
  std::unique_ptr<Job> filling_;
  std::vector<std::unique_ptr<Job>> spare_;
  std::unique_ptr<ChunkEncoder> own_encoder_;
  bool wrote_any_ = false;

  // Guards the members below: a job belongs to a worker from `todo_` until it is `done`.
  std::mutex mutex_;
  std::condition_variable job_ready_, job_done_;
  std::deque<std::unique_ptr<Job>> running_;  // in order of output
  std::deque<Job*> todo_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

ChunkedCompressor::~ChunkedCompressor() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    todo_.clear();
  }
  job_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::unique_ptr<ChunkedCompressor::Job> ChunkedCompressor::take_spare() {
  if (spare_.empty()) return std::make_unique<Job>();
  std::unique_ptr<Job> job = std::move(spare_.back());
  spare_.pop_back();
  return job;
}

void ChunkedCompressor::write(Bytes data) {
  while (!data.empty()) {
    if (!filling_) filling_ = take_spare();
    std::size_t part = std::min(data.size(), recipe_.chunk() - filling_->input.size());
    if (filling_->input.empty() && part == recipe_.chunk()) filling_->input.reserve(part);
    filling_->input.insert(filling_->input.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(part));
    data = data.subspan(part);
    if (filling_->input.size() == recipe_.chunk()) submit();
  }
}

void ChunkedCompressor::encode_here(Job& job) {
  if (!own_encoder_) own_encoder_ = recipe_.encoder();
  own_encoder_->encode(job.input, job.output);
  next_.write(job.output);
  job.input.clear();
  wrote_any_ = true;
}

void ChunkedCompressor::submit() {
  if (limit_ > 1 && threads_.size() < limit_) add_thread();
  if (threads_.empty()) return encode_here(*filling_);
  {
    std::lock_guard lock(mutex_);
    todo_.push_back(filling_.get());
    running_.push_back(std::move(filling_));
  }
  job_ready_.notify_one();
  if (running_.size() >= 2 * threads_.size()) emit_front();
}

void ChunkedCompressor::emit_front() {
  std::unique_ptr<Job> job;
  {
    std::unique_lock lock(mutex_);
    job_done_.wait(lock, [&] { return running_.front()->done; });
    job = std::move(running_.front());
    running_.pop_front();
  }
  if (job->failure) std::rethrow_exception(job->failure);
  next_.write(job->output);
  wrote_any_ = true;
  job->input.clear();
  job->done = false;
  spare_.push_back(std::move(job));
}

void ChunkedCompressor::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // No more threads to be had: the ones there are (or the caller's own) do it all.
  }
}

void ChunkedCompressor::work() noexcept {
  std::unique_ptr<ChunkEncoder> encoder;
  std::unique_lock lock(mutex_);
  for (;;) {
    job_ready_.wait(lock, [&] { return stopping_ || !todo_.empty(); });
    if (stopping_) return;
    Job* job = todo_.front();
    todo_.pop_front();
    lock.unlock();
    try {
      if (!encoder) encoder = recipe_.encoder();
      encoder->encode(job->input, job->output);
    } catch (...) {
      job->failure = std::current_exception();
    }
    lock.lock();
    job->done = true;
    job_done_.notify_one();
  }
}

void ChunkedCompressor::finish() {
  if (filling_ && !filling_->input.empty()) {
    // A stream of one chunk is not worth a thread.
    if (running_.empty()) {
      encode_here(*filling_);
    } else {
      submit();
    }
  }
  while (!running_.empty()) emit_front();
  if (!wrote_any_) {
    Job empty;
    encode_here(empty);
  }
  next_.finish();
}

class PassThrough final : public Writer {
 public:
  explicit PassThrough(Writer& next) : next_(next) {}
  void write(Bytes data) override { next_.write(data); }
  void finish() override { next_.finish(); }

 private:
  Writer& next_;
};

int checked_level(std::optional<int> level, int fallback, int highest, std::string_view name) {
  int value = level.value_or(fallback);
  if (value < 0 || value > highest) {
    throw Error(fmt::format("compression level `{}`: {} knows levels 0 to {}", value, name, highest));
  }
  return value;
}

bool starts_with(Bytes head, std::initializer_list<unsigned> magic) {
  if (head.size() < magic.size()) return false;
  return std::equal(magic.begin(), magic.end(), head.begin(),
                    [](unsigned want, std::byte have) { return want == std::to_integer<unsigned>(have); });
}

}  // namespace

std::optional<Compression> parse_compression(std::string_view name) {
  if (name == "uncompressed") return Compression::none;
  if (name == "gzip") return Compression::gzip;
  if (name == "zstd") return Compression::zstd;
  return std::nullopt;
}

std::string_view to_string(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "uncompressed";
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
  }
  return "";
}

std::unique_ptr<Writer> make_compressor(Compression compression, std::optional<int> level, Writer& next,
                                        unsigned threads) {
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<ChunkedCompressor>(
          Recipe{compression, checked_level(level, kGzipDefaultLevel, 9, "gzip")}, next, threads);
    case Compression::zstd: {
      // Level 0 is zstd's own word for its default.
      int checked = checked_level(level, kZstdDefaultLevel, 22, "zstd");
      return std::make_unique<ChunkedCompressor>(Recipe{compression, checked}, next, threads);
    }
    case Compression::none:
      break;
  }
  return std::make_unique<PassThrough>(next);
}

Encoding detect_encoding(Bytes head) {
  if (starts_with(head, {0x1f, 0x8b, 0x08})) return Encoding::gzip;
  if (starts_with(head, {'B', 'Z', 'h'})) return Encoding::bzip2;
  if (starts_with(head, {0xfd, '7', 'z', 'X', 'Z', 0x00})) return Encoding::xz;
  if (starts_with(head, {0x28, 0xb5, 0x2f, 0xfd})) return Encoding::zstd;
  // A zstd stream may begin with a skippable frame, whose magic ends in any hex digit.
  if (head.size() >= 4 && (std::to_integer<unsigned>(head[0]) & 0xf0U) == 0x50 &&
      starts_with(head.subspan(1), {0x2a, 0x4d, 0x18})) {
    return Encoding::zstd;
  }
  return Encoding::identity;
}

}  // namespace util
