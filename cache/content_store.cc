#include "cache/content_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/blob_flusher.h"
#include "cache/damage.h"
#include "cache/growing_blob.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/sync.h"

namespace cache {
namespace {

/// Smaller blobs are hashed again sooner than what is known of them is looked up.
constexpr std::uint64_t kWorthKnowing = std::uint64_t{1} << 20;
constexpr std::uint64_t kFlushStep = std::uint64_t{8} << 20;

void drop_damaged(const std::filesystem::path& path, const util::Digest& digest) {
  ::unlink(path.c_str());
  util::log_warning(fmt::format("blob `{}` was damaged in the store and is dropped", digest.to_string()));
}

/// Reads a blob's file to its end and compares the digest there; drops a blob that is damaged.
class VerifyingReader final : public util::Reader {
 public:
  VerifyingReader(util::Fd fd, std::filesystem::path path, util::Digest digest)
      : fd_(std::move(fd)), path_(std::move(path)), digest_(std::move(digest)) {}

  std::size_t read(std::span<std::byte> buffer) override {
    if (done_ || buffer.empty()) return 0;
    std::size_t count = util::read_full(fd_.get(), buffer);
    hash_.update(buffer.first(count));
    // A short count is the end: noticing it right here means that a caller who knows the size need not ask again.
    if (count < buffer.size()) check();
    return count;
  }

 private:
  void check() {
    done_ = true;
    if (hash_.finish() == digest_) return;
    drop_damaged(path_, digest_);
    throw Damage(digest_, fmt::format("read blob `{}`: it was damaged in the store and is dropped", digest_.to_string()),
                 "build or pull the image again");
  }

  util::Fd fd_;
  std::filesystem::path path_;
  util::Digest digest_;
  util::Sha256 hash_;
  bool done_ = false;
};

}  // namespace

class KnownBlobs {
 public:
  /// Remembers the file as it is now.
  void add(const util::Digest& digest, int fd) {
    known_.lock()->insert_or_assign(digest, util::stat_at(fd, ""));
  }
  /// Whether the file is the one that was written, and as it was then.
  bool contains(const util::Digest& digest, int fd) const {
    const util::FileStat now = util::stat_at(fd, "");
    auto known = known_.lock();
    const auto found = known->find(digest);
    if (found == known->end()) return false;
    const util::FileStat& then = found->second;
    return now.device == then.device && now.inode == then.inode && now.size == then.size && now.mtime == then.mtime &&
           now.ctime == then.ctime;
  }

 private:
  mutable util::Sync<std::unordered_map<util::Digest, util::FileStat>> known_;
};

struct BlobWriter::State {
  std::shared_ptr<KnownBlobs> known;
  std::shared_ptr<BlobFlusher> flusher;
  std::filesystem::path layout;
  std::filesystem::path temporary;
  util::Fd fd;
  std::shared_ptr<GrowingBlob> growing;  ///< when somebody reads along
  std::optional<util::Digest> expected;
  util::Sha256 hash;
  util::Digest digest;  ///< when it is complete
  std::uint64_t size = 0;
  std::uint64_t flushing = 0;  ///< so many bytes are on their way to the disk

  ~State() {
    if (growing) growing->end(false);
    if (!temporary.empty()) ::unlink(temporary.c_str());
  }
};

BlobWriter::BlobWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

void BlobWriter::write(util::Bytes data) {
  util::write_all(state_->fd.get(), data);
  state_->hash.update(data);
  state_->size += data.size();
  if (state_->growing) state_->growing->grow(state_->size);
  if (state_->size - state_->flushing < kFlushStep) return;
  // The disk works while more is made, so that `commit` has little left to wait for. A hint: failures show there.
  (void)::sync_file_range(state_->fd.get(), static_cast<off_t>(state_->flushing),
                          static_cast<off_t>(state_->size - state_->flushing), SYNC_FILE_RANGE_WRITE);
  state_->flushing = state_->size;
}

std::uint64_t BlobWriter::size() const {
  return state_->size;
}

util::Digest BlobWriter::digest() {
  if (!state_->digest) state_->digest = state_->hash.finish();
  return state_->digest;
}

BlobInfo BlobWriter::commit() {
  BlobInfo info{digest(), state_->size};
  if (state_->expected && *state_->expected != info.digest) {
    throw util::Error(fmt::format("store blob `{}`: its content has the digest `{}`", state_->expected->to_string(),
                                  info.digest.to_string()));
  }
  std::filesystem::path directory = state_->layout / "blobs" / std::string(info.digest.algorithm());
  std::filesystem::path path = directory / std::string(info.digest.hex());
  struct stat existing = {};
  bool have = ::stat(path.c_str(), &existing) == 0 && static_cast<std::uint64_t>(existing.st_size) == info.size;
  if (!have) {
    if (::rename(state_->temporary.c_str(), path.c_str()) != 0) {
      util::make_directories(directory);
      if (::rename(state_->temporary.c_str(), path.c_str()) != 0) {
        util::throw_errno(fmt::format("store blob `{}`", info.digest.to_string()));
      }
    }
    state_->temporary.clear();
    if (info.size >= kWorthKnowing) state_->known->add(info.digest, state_->fd.get());
    state_->flusher->add(std::move(state_->fd), std::move(path), info.size);
  }
  if (state_->growing) state_->growing->end(true);
  state_.reset();
  return info;
}

ContentStore::ContentStore(std::filesystem::path layout, std::filesystem::path temporary)
    : layout_(std::move(layout)),
      temporary_(std::move(temporary)),
      known_(std::make_shared<KnownBlobs>()),
      flusher_(std::make_shared<BlobFlusher>()),
      growing_(std::make_shared<GrowingBlobs>()) {}

bool ContentStore::contains(const util::Digest& digest) const {
  struct stat status = {};
  return ::stat(path(digest).c_str(), &status) == 0;
}

std::optional<BlobInfo> ContentStore::find(const util::Digest& digest) const {
  struct stat status = {};
  if (::stat(path(digest).c_str(), &status) != 0) return std::nullopt;
  return BlobInfo{digest, static_cast<std::uint64_t>(status.st_size)};
}

std::filesystem::path ContentStore::path(const util::Digest& digest) const {
  return layout_ / "blobs" / std::string(digest.algorithm()) / std::string(digest.hex());
}

util::Fd ContentStore::open_file(const util::Digest& digest) const {
  util::Fd fd(::open(path(digest).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) util::throw_errno(fmt::format("open blob `{}`", digest.to_string()));
  if (digest.algorithm() != "sha256") {
    throw util::Error(fmt::format("open blob `{}`: digests of this algorithm cannot be verified", digest.to_string()));
  }
  return fd;
}

std::unique_ptr<util::Reader> ContentStore::open(const util::Digest& digest) const {
  util::Fd fd = open_file(digest);
  if (known_->contains(digest, fd.get())) return std::make_unique<util::FdReader>(std::move(fd));
  return std::make_unique<VerifyingReader>(std::move(fd), path(digest), digest);
}

util::Fd ContentStore::open_known(const util::Digest& digest) const {
  util::Fd fd = open_file(digest);
  return known_->contains(digest, fd.get()) ? std::move(fd) : util::Fd();
}

void ContentStore::verify(const util::Digest& digest, const std::stop_token& stop) const {
  util::Fd fd = open_file(digest);
  if (known_->contains(digest, fd.get())) return;
  const int file = fd.get();
  VerifyingReader reader(std::move(fd), path(digest), digest);
  const util::Buffer buffer(std::size_t{256} << 10);
  while (reader.read(buffer) != 0) {
    if (stop.stop_requested()) throw util::Cancelled();
  }
  known_->add(digest, file);
}

std::string ContentStore::read(const util::Digest& digest) const {
  std::unique_ptr<util::Reader> reader = open(digest);
  return util::read_all(*reader);
}

BlobWriter ContentStore::create(std::optional<util::Digest> expected) const {
  if (expected && expected->algorithm() != "sha256") {
    throw util::Error(
        fmt::format("store blob `{}`: digests of this algorithm cannot be verified", expected->to_string()));
  }
  std::string pattern = (temporary_ / "blob-XXXXXX").native();
  int fd = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (fd < 0) util::throw_errno(fmt::format("create a temporary file in `{}`", temporary_.native()));
  auto state = std::make_unique<BlobWriter::State>();
  state->known = known_;
  state->flusher = flusher_;
  state->layout = layout_;
  state->temporary = pattern;
  state->fd = util::Fd(fd);
  if (expected) state->growing = growing_->find(*expected);
  if (state->growing && !state->growing->start(state->fd)) state->growing.reset();
  state->expected = std::move(expected);
  // mkostemp makes it private; other tools may read the layout.
  ::fchmod(fd, 0644);
  return BlobWriter(std::move(state));
}

std::shared_ptr<GrowingBlob> ContentStore::expect(const util::Digest& digest) const {
  return growing_->expect(digest);
}

BlobInfo ContentStore::put(std::string_view bytes) const {
  util::Digest digest = util::sha256_of(bytes);
  if (contains(digest)) {
    if (util::read_file(path(digest)) == bytes) return {digest, bytes.size()};
    drop_damaged(path(digest), digest);
  }
  BlobWriter writer = create(digest);
  writer.write(util::as_bytes(bytes));
  return writer.commit();
}

void ContentStore::adopt(const std::filesystem::path& file, const util::Digest& digest) const {
  if (::chmod(file.c_str(), 0644) != 0) util::throw_errno(fmt::format("store blob `{}`", digest.to_string()));
  util::sync_path(file);
  const std::filesystem::path target = path(digest);
  util::make_directories(target.parent_path());
  if (::rename(file.c_str(), target.c_str()) != 0) util::throw_errno(fmt::format("store blob `{}`", digest.to_string()));
}

void ContentStore::flush() const {
  flusher_->wait();
}

void ContentStore::remove(const util::Digest& digest) const {
  if (::unlink(path(digest).c_str()) != 0 && errno != ENOENT) {
    util::throw_errno(fmt::format("delete blob `{}`", digest.to_string()));
  }
}

}  // namespace cache
