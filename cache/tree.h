#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "oci/layer.h"
#include "util/digest.h"
#include "util/stream.h"

namespace cache {

/// A read-only file tree: the merged view of a chain of layers, a local directory, or a map in memory (tests).
/// Paths are relative and clean ("" = root); nothing here follows symlinks. Thread-safe.
class Tree {
 public:
  virtual ~Tree() = default;
  /// Entry at `path`; its `content` digest may be empty. The root always exists. nullopt when absent.
  virtual std::optional<oci::LayerEntry> find(const std::string& path) const = 0;
  /// Names directly below a directory, sorted by bytes.
  virtual std::vector<std::string> list(const std::string& path) const = 0;
  /// The entries directly below a directory, sorted by the bytes of their names.
  virtual std::vector<oci::LayerEntry> entries(const std::string& path) const;
  /// A hint: everything below a directory is going to be looked at, but for the directories that `skip` says. Where that is
  /// much it goes on in the thread that is returned; what fails there will fail for whoever looks.
  [[nodiscard]] virtual std::jthread prefetch(const std::string& path, std::function<bool(const std::string& directory)> skip) const {
    (void)path;
    (void)skip;
    return {};
  }
  /// Content of a regular file. Throws util::Error.
  virtual std::unique_ptr<util::Reader> open(const std::string& path) const = 0;
  /// sha256 of a regular file's content, remembered where that is safe. Throws util::Error, util::Cancelled.
  virtual util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const = 0;
  /// The same if it can be had without reading the file, for entries that do not say it themselves.
  virtual std::optional<util::Digest> known_digest(const std::string& path) const {
    (void)path;
    return std::nullopt;
  }
  /// What the tree is, for error messages: "directory `/src/app`"; empty when there is nothing to say.
  virtual std::string place() const { return {}; }
  /// The ignore rule that hides something which is there otherwise; for error hints.
  virtual std::optional<std::string> hidden_by(const std::string& path) const {
    (void)path;
    return std::nullopt;
  }
  /// The same files in a tree of its own that has not looked at any: what is read through it decides nothing here, but
  /// digests that outlive a build are remembered for both. Null where nothing is remembered.
  virtual std::shared_ptr<const Tree> unseen() const { return nullptr; }
};

/// A tree from entries and contents in memory, for tests and for scratch (no entries).
class MemoryTree final : public Tree {
 public:
  MemoryTree() = default;
  /// Adds or replaces; missing parent directories are made 0755. `content` for regular files.
  void add(oci::LayerEntry entry, std::string content = {});
  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::unique_ptr<util::Reader> open(const std::string& path) const override;
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override;

 private:
  struct Node {
    oci::LayerEntry entry;
    std::string content;
  };
  std::map<std::string, Node> nodes_;
};

/// Path of `path` with every symlink in it followed as if the tree were the root file system (at most 255 links);
/// components that do not exist are kept as they are. With `follow_last` false a link at the end is kept.
/// Throws util::Error for a link loop.
std::string resolve_path(const Tree& tree, std::string_view path, bool follow_last);

}  // namespace cache
