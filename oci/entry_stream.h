#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "oci/layer.h"

namespace oci {

/// The entries of a layer in the order of path_less, one after the other: there may be more than shall be in memory.
/// Not thread-safe, but not bound to a thread.
class EntryStream {
 public:
  virtual ~EntryStream() = default;
  virtual std::size_t size() const = 0;
  /// Starts from the first one again.
  virtual void rewind() = 0;
  /// The next one; false when there is none. Throws util::Error.
  virtual bool next(LayerEntry& entry) = 0;
  /// The paths that entries are hard links to.
  virtual std::vector<std::string> hard_link_targets() const = 0;
};

/// Entries that are in memory.
class EntryVector final : public EntryStream {
 public:
  /// `entries` need not be sorted.
  explicit EntryVector(std::vector<LayerEntry> entries);
  std::size_t size() const override { return entries_.size(); }
  void rewind() override { next_ = 0; }
  bool next(LayerEntry& entry) override;
  std::vector<std::string> hard_link_targets() const override;

 private:
  std::vector<LayerEntry> entries_;
  std::size_t next_ = 0;
};

}  // namespace oci
