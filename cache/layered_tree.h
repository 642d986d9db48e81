#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/tree.h"
#include "oci/layer.h"

namespace cache {

using Listing = std::shared_ptr<const std::vector<oci::LayerEntry>>;

/// Listings of a chain merged into what is visible: sorted, whiteouts and opaque directories applied. Directories that
/// a layer has only because something is below them keep the metadata they have underneath (0755 root when there is
/// none). Immutable.
class MergedListing {
 public:
  /// `layers`: the lowest first.
  explicit MergedListing(std::vector<Listing> layers);

  struct Item {
    const oci::LayerEntry* entry;
    std::uint32_t layer;  ///< index of the layer that has it
  };
  /// nullptr when absent; the root ("") is not in it.
  const Item* find(std::string_view path) const;
  std::vector<std::string> list(std::string_view path) const;
  const std::vector<Item>& items() const { return items_; }

 private:
  void add_layer(std::uint32_t layer);
  void add_implied(std::vector<Item>& merged, std::string_view path, std::uint32_t layer);

  std::vector<Listing> layers_;
  std::vector<std::unique_ptr<oci::LayerEntry>> implied_;
  std::vector<Item> items_;
};

/// What a MergedListing of `layers` has at `path`, without making one: for a few questions about a large chain.
std::optional<oci::LayerEntry> find_in_layers(std::span<const Listing> layers, const std::string& path);

/// The merged view of a chain: metadata and digests from the listings, contents from the layers' directories. Listings
/// are loaded at the first question, and merged when there are many; a directory when a file in it is opened.
/// What is read is compared with its digest at the end. Thread-safe.
class LayeredTree final : public Tree {
 public:
  using Load = std::function<std::vector<Listing>()>;
  using Merge = std::function<std::shared_ptr<const MergedListing>()>;
  using DirectoryOf = std::function<std::filesystem::path(std::size_t layer)>;
  /// Called when a file of a layer's directory is not what the listing says; throws.
  using Damaged = std::function<void(std::size_t layer, const std::string& path)>;
  LayeredTree(Load load, Merge merge, DirectoryOf directory_of, Damaged damaged);

  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::unique_ptr<util::Reader> open(const std::string& path) const override;
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override;

 private:
  const std::vector<Listing>& layers() const;
  const MergedListing& merged() const;
  const MergedListing::Item& file(const std::string& path) const;

  Load load_;
  Merge merge_;
  DirectoryOf directory_of_;
  Damaged damaged_;
  mutable std::atomic<unsigned> questions_{0};
  mutable std::mutex mutex_;
  mutable std::optional<std::vector<Listing>> layers_;
  mutable std::atomic<const MergedListing*> loaded_{nullptr};  ///< `merged_`, once it is there
  mutable std::shared_ptr<const MergedListing> merged_;
};

}  // namespace cache
