#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "exporter/exporter.h"
#include "oci/platform.h"

namespace exporter {

/// A key of OutputSpec::annotations taken apart.
struct AnnotationKey {
  std::set<std::string> targets;          ///< manifest, index, manifest-descriptor, index-descriptor
  std::optional<oci::Platform> platform;  ///< only for this one
  std::string key;
};

/// Never fails: what is no list of targets is a key for the manifest.
AnnotationKey parse_annotation_key(const std::string& text);

/// The annotations for one target; of one platform, or of none.
std::map<std::string, std::string> annotations_for(const OutputSpec& output, std::string_view target,
                                                   const oci::Platform* platform);

/// Throws util::Error when an annotation has nowhere to go: a platform that is not built, an index where there is none.
void check_annotations(const ExportRequest& request);

}  // namespace exporter
