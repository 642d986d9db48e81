#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "cache/layer_entries.h"
#include "cache/layer_store.h"
#include "oci/layer.h"
#include "util/digest.h"
#include "util/stream.h"

namespace cache {

class CheckedReader;

/// Takes the entries of a new layer and reads and hashes their regular files in order, on a thread of its own and up to four
/// megabytes ahead of who writes them into an archive. Where that is faster, they are hashed together with the archive. For one
/// taking thread.
class ContentFeed {
 public:
  /// All are borrowed, and `entries` is not to be used by anybody else. What is taken is written to `archive` next. Throws
  /// std::system_error when there is no thread to be had.
  ContentFeed(CheckedEntries& entries, const ContentOpener& open, util::HashingWriter& archive, std::stop_token stop);
  ~ContentFeed();
  /// The next entry, good until the next call; null at the end. Rethrows what was thrown by what comes after the last one.
  oci::LayerEntry* next();
  /// If it is_content: its bytes. Read them to their end, then ask for `digest`. Rethrows what opening or reading threw.
  util::BlockReader& content();
  /// The digest of that file. Throws util::Error when it is not what the entry says.
  util::Digest digest();

 private:
  /// An entry, or a part of a large one.
  struct Piece {
    std::unique_ptr<oci::LayerEntry> entry;  ///< with the first one
    std::size_t size = 0;
    bool last = false;
    bool hashed = true;                     ///< before it is taken
    util::Digest digest;                    ///< with the last one, if hashed
    std::unique_ptr<CheckedReader> reader;  ///< with the last one, if not: wants the digest
  };
  struct Block {
    util::Buffer bytes;
    std::size_t used = 0;
    std::vector<Piece> pieces;
  };
  class Current;

  void run(CheckedEntries& entries, const ContentOpener& open, const std::stop_token& stop);
  bool read(std::unique_ptr<oci::LayerEntry> entry, const ContentOpener& open, const std::stop_token& stop, Block& block);
  bool hand_over(Block& block);
  bool take_block();

  std::mutex mutex_;  // of what follows; two condition variables wait on it
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<Block> blocks_;
  std::vector<Block> spare_;
  std::exception_ptr failure_;
  bool ended_ = false;
  bool abandoned_ = false;

  // Of the taking side.
  Block block_;
  std::size_t piece_ = 0, position_ = 0;
  std::unique_ptr<oci::LayerEntry> entry_;
  std::unique_ptr<Current> current_;
  std::jthread thread_;
};

}  // namespace cache
