#include "cache/content_feed.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "cache/layer_store_state.h"
#include "util/sha256_pair.h"

namespace cache {
namespace {

constexpr std::size_t kBlockSize = std::size_t{256} << 10;
constexpr std::size_t kBlocks = 16;
constexpr std::size_t kPieces = 1024;
/// Where hashing for the file and for the archive at once is no faster, files that are smaller are hashed here.
constexpr std::uint64_t kLarge = std::uint64_t{128} << 10;

}  // namespace

/// The file that is being taken.
class ContentFeed::Current final : public util::BlockReader {
 public:
  Current(ContentFeed& feed, util::HashingWriter& archive) : feed_(feed), archive_(archive) {}
  void start() {
    ended_ = false;
    hash_.reset();
  }
  util::Bytes next_block() override {
    const util::Bytes bytes = advance(kBlockSize);
    if (shared_) archive_.share(hash(), bytes);
    return bytes;
  }
  std::size_t read(std::span<std::byte> buffer) override {
    const util::Bytes bytes = advance(buffer.size());
    std::ranges::copy(bytes, buffer.begin());
    if (shared_) archive_.share(hash(), buffer.first(bytes.size()));
    return bytes.size();
  }
  util::Digest digest() {
    if (last_.hashed) return last_.digest;
    archive_.settle();
    return last_.reader->finish(hash().finish());
  }

 private:
  util::Sha256& hash() { return hash_ ? *hash_ : hash_.emplace(); }

  /// At most so many of the next bytes, none at the end of the file.
  util::Bytes advance(std::size_t most) {
    while (!ended_) {
      if (feed_.piece_ == feed_.block_.pieces.size() && !feed_.take_block()) break;
      Piece& piece = feed_.block_.pieces[feed_.piece_];
      const std::size_t count = std::min(most, piece.size);
      const util::Bytes bytes = util::Bytes(feed_.block_.bytes).subspan(feed_.position_, count);
      feed_.position_ += count;
      piece.size -= count;
      shared_ = !piece.hashed && count > 0;
      if (piece.size == 0) {
        ended_ = piece.last;
        last_ = ended_ ? std::move(piece) : Piece();
        ++feed_.piece_;
      }
      if (count > 0) return bytes;
    }
    shared_ = false;
    return {};
  }

  ContentFeed& feed_;
  util::HashingWriter& archive_;
  std::optional<util::Sha256> hash_;  ///< of the file, if it is to be taken
  Piece last_;
  bool ended_ = true;
  bool shared_ = false;  ///< what `advance` gave is to be hashed together with the archive
};

ContentFeed::ContentFeed(CheckedEntries& entries, const ContentOpener& open, util::HashingWriter& archive, std::stop_token stop)
    : current_(std::make_unique<Current>(*this, archive)),
      thread_([this, &entries, &open, stop = std::move(stop)] { run(entries, open, stop); }) {}

ContentFeed::~ContentFeed() {
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  emptied_.notify_all();
}

oci::LayerEntry* ContentFeed::next() {
  if (piece_ == block_.pieces.size() && !take_block()) return nullptr;
  Piece& piece = block_.pieces[piece_];
  entry_ = std::move(piece.entry);
  if (!is_content(*entry_)) ++piece_;
  return entry_.get();
}

util::BlockReader& ContentFeed::content() {
  current_->start();
  return *current_;
}

util::Digest ContentFeed::digest() {
  return current_->digest();
}

void ContentFeed::run(CheckedEntries& entries, const ContentOpener& open, const std::stop_token& stop) {
  std::exception_ptr failure;
  Block block;
  try {
    for (auto entry = std::make_unique<oci::LayerEntry>(); entries.next(*entry); entry = std::make_unique<oci::LayerEntry>()) {
      if (block.pieces.size() >= kPieces && !hand_over(block)) return;
      if (!is_content(*entry)) {
        block.pieces.emplace_back().entry = std::move(entry);
      } else if (!read(std::move(entry), open, stop, block)) {
        return;
      }
    }
  } catch (...) {
    failure = std::current_exception();
  }
  // What is before the one that failed, too.
  if (!block.pieces.empty()) hand_over(block);
  std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  filled_.notify_one();
}

/// False if nobody wants any more.
bool ContentFeed::read(std::unique_ptr<oci::LayerEntry> owned, const ContentOpener& open, const std::stop_token& stop, Block& block) {
  const oci::LayerEntry& entry = *owned;
  auto reader = std::make_unique<CheckedReader>(open(entry), entry, stop);
  const bool hashed = (entry.size < kLarge && !util::has_sha256_pair()) || !reader->leave_hashing();
  const auto begin_piece = [&] {
    if (block.bytes.empty()) block.bytes = util::Buffer(kBlockSize);
    block.pieces.emplace_back().hashed = hashed;
  };
  begin_piece();
  block.pieces.back().entry = std::move(owned);
  while (const std::size_t count = reader->read(std::span(block.bytes).subspan(block.used))) {
    block.pieces.back().size += count;
    block.used += count;
    if (block.used < kBlockSize) continue;
    if (!hand_over(block)) return false;
    begin_piece();
  }
  if (hashed) {
    block.pieces.back().digest = reader->finish();
  } else {
    reader->close();
    block.pieces.back().reader = std::move(reader);
  }
  block.pieces.back().last = true;
  return true;
}

/// False if nobody wants any more.
bool ContentFeed::hand_over(Block& block) {
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [&] { return abandoned_ || blocks_.size() < kBlocks; });
  if (abandoned_) return false;
  blocks_.push_back(std::move(block));
  block = Block();
  if (!spare_.empty()) {
    block = std::move(spare_.back());
    spare_.pop_back();
  }
  filled_.notify_one();
  return true;
}

bool ContentFeed::take_block() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return !blocks_.empty() || ended_; });
  if (blocks_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return false;
  }
  block_.pieces.clear();
  block_.used = 0;
  spare_.push_back(std::move(block_));
  block_ = std::move(blocks_.front());
  blocks_.pop_front();
  emptied_.notify_one();
  piece_ = position_ = 0;
  return true;
}

}  // namespace cache
