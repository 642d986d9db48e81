#include "util/compression.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "util/compression_encoder.h"
#include "util/error.h"

namespace util {
namespace {

// Part of the output format: another size means other bytes for the same layer.
constexpr std::size_t kGzipChunk = std::size_t{1} << 20;
constexpr std::size_t kZstdChunk = std::size_t{4} << 20;

/// How one compression cuts and encodes.
struct Recipe {
  Compression compression;
  std::optional<int> level;
  std::size_t chunk() const { return compression == Compression::gzip ? kGzipChunk : kZstdChunk; }
  std::unique_ptr<ChunkEncoder> encoder() const {
    return compression == Compression::gzip ? make_gzip_encoder(level) : make_zstd_encoder(level);
  }
};

/// Cuts the input in chunks of fixed size and has them encoded by its threads. Whichever of them finishes the next piece
/// in order hands it on, so that the caller is free to make more input. At most one chunk per thread is held, and one that is being filled or waits.
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
    std::vector<std::byte> buffer;  // the chunk; once it is encoded, what holds `output`
    Bytes output;
    bool done = false;
  };

  void append(Bytes data);
  void submit();
  /// With `space` to write into; job and space have changed buffers afterwards.
  static void encode(ChunkEncoder& encoder, Job& job, std::vector<std::byte>& space);
  void encode_here(Job& job);
  void add_thread();
  void work() noexcept;
  void hand_on(std::unique_lock<std::mutex>& lock);
  /// Waits until at most `count` chunks are under way; throws what went wrong with any.
  void wait_for(std::unique_lock<std::mutex>& lock, std::size_t count);

  const Recipe recipe_;
  Writer& next_;
  const std::size_t limit_;
  std::unique_ptr<Job> filling_;
  std::unique_ptr<ChunkEncoder> own_encoder_;
  std::vector<std::byte> own_space_;
  bool wrote_any_ = false;

  // Guards the members below: a job belongs to a worker from `todo_` until it is `done`, and from then to who hands on.
  std::mutex mutex_;
  std::condition_variable job_ready_, job_gone_;
  std::deque<std::unique_ptr<Job>> running_;  // in order of output
  std::deque<Job*> todo_;
  std::vector<std::unique_ptr<Job>> spare_;
  bool handing_on_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;
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

void ChunkedCompressor::write(Bytes data) {
  while (!data.empty()) {
    if (!filling_) {
      std::lock_guard lock(mutex_);
      if (spare_.empty()) {
        filling_ = std::make_unique<Job>();
      } else {
        filling_ = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    const std::size_t part = std::min(data.size(), recipe_.chunk() - filling_->buffer.size());
    append(data.first(part));
    data = data.subspan(part);
    if (filling_->buffer.size() == recipe_.chunk()) submit();
  }
}

void ChunkedCompressor::append(Bytes data) {
  std::vector<std::byte>& buffer = filling_->buffer;
  // Most streams are short. Others get room for what encoding may add, so that the buffer can become its space.
  const std::size_t size = buffer.size() + data.size();
  if (size > buffer.capacity() && size > recipe_.chunk() / 8) buffer.reserve(recipe_.chunk() + recipe_.chunk() / 8);
  buffer.insert(buffer.end(), data.begin(), data.end());
}

void ChunkedCompressor::encode(ChunkEncoder& encoder, Job& job, std::vector<std::byte>& space) {
  job.output = encoder.encode(job.buffer, space);
  job.buffer.swap(space);
}

void ChunkedCompressor::encode_here(Job& job) {
  if (!own_encoder_) own_encoder_ = recipe_.encoder();
  encode(*own_encoder_, job, own_space_);
  next_.write(job.output);
  job.buffer.clear();
  wrote_any_ = true;
}

void ChunkedCompressor::submit() {
  wrote_any_ = true;
  if (limit_ > 1 && threads_.size() < limit_) add_thread();
  if (threads_.empty()) return encode_here(*filling_);
  std::unique_lock lock(mutex_);
  todo_.push_back(filling_.get());
  running_.push_back(std::move(filling_));
  job_ready_.notify_one();
  // One for each, and this one if it has to wait: as soon as a thread is free it takes that, and the next is filled.
  wait_for(lock, threads_.size());
}

void ChunkedCompressor::wait_for(std::unique_lock<std::mutex>& lock, std::size_t count) {
  job_gone_.wait(lock, [&] { return failure_ || (running_.size() <= count && !(count == 0 && handing_on_)); });
  if (failure_) std::rethrow_exception(failure_);
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
  std::vector<std::byte> space;
  std::unique_lock lock(mutex_);
  for (;;) {
    job_ready_.wait(lock, [&] { return stopping_ || !todo_.empty(); });
    if (stopping_) return;
    Job* job = todo_.front();
    todo_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (!encoder) encoder = recipe_.encoder();
      encode(*encoder, *job, space);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    job->done = true;
    hand_on(lock);
    job_gone_.notify_all();
  }
}

/// Hands on the finished pieces that are next in order, unless another thread is doing it: then that one goes on.
void ChunkedCompressor::hand_on(std::unique_lock<std::mutex>& lock) {
  if (handing_on_) return;
  handing_on_ = true;
  while (!failure_ && !stopping_ && !running_.empty() && running_.front()->done) {
    std::unique_ptr<Job> job = std::move(running_.front());
    running_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      next_.write(job->output);
    } catch (...) {
      failure = std::current_exception();
    }
    job->buffer.clear();
    job->done = false;
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    spare_.push_back(std::move(job));
    job_gone_.notify_all();
  }
  handing_on_ = false;
}

void ChunkedCompressor::finish() {
  // A stream of one chunk is not worth a thread.
  if (filling_ && !filling_->buffer.empty()) wrote_any_ ? submit() : encode_here(*filling_);
  {
    std::unique_lock lock(mutex_);
    wait_for(lock, 0);
  }
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

void check_level(std::optional<int> level, int highest, std::string_view name) {
  if (level && (*level < 0 || *level > highest)) {
    throw Error(fmt::format("compression level `{}`: {} knows levels 0 to {}", *level, name, highest));
  }
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
      check_level(level, 9, "gzip");
      return std::make_unique<ChunkedCompressor>(Recipe{compression, level}, next, threads);
    case Compression::zstd:
      check_level(level, 22, "zstd");
      return std::make_unique<ChunkedCompressor>(Recipe{compression, level}, next, threads);
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
