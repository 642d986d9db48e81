#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "util/digest.h"

namespace oci {

/// An image name, normalised as Docker does: "debian" is docker.io/library/debian:latest.
struct Reference {
  std::string domain;       ///< "docker.io", "localhost:5000"
  std::string repository;   ///< "library/debian"
  std::string tag;          ///< empty only when there is a digest
  util::Digest digest;      ///< empty unless the text had one

  /// Throws util::Error naming the rule that is broken. No tag and no digest -> "latest".
  static Reference parse(std::string_view text);
  /// "docker.io/library/debian:latest[@sha256:…]".
  std::string to_string() const;
  /// As people write it: "debian:bookworm".
  std::string familiar() const;
  /// "docker.io/library/debian".
  std::string name() const { return domain + "/" + repository; }
};

}  // namespace oci
