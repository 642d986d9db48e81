#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/images/image_view.h"

namespace builder {

/// Which images `images` shows: docker's --filter KEY=VALUE (dangling, label, before, since, until, reference; several
/// of a key: one of them must fit, but every label) and the REPOSITORY[:TAG] pattern of the command line.
class ImageFilter {
 public:
  /// Throws util::Error for a key or value that is none; `before` and `since` name images of `view`.
  ImageFilter(const ImageView& view, std::span<const std::string> filters, const std::string& pattern);
  bool accepts(const LocalImage& image) const;
  /// Of an accepted image: whether the line of this name is shown ("" = the line of an untagged one).
  bool accepts_name(const std::string& name) const;

 private:
  void add(const std::string& key, const std::string& value);
  bool has_labels(const LocalImage& image) const;

  const ImageView& view_;
  std::optional<bool> dangling_;
  std::vector<std::string> labels_;
  std::int64_t before_ = 0, since_ = 0;  ///< nanoseconds; 0 = not asked for
  std::vector<std::string> references_;
  std::string pattern_;
};

}  // namespace builder
