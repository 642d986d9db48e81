#pragma once

#include <stop_token>
#include <vector>

#include "exporter/exporter.h"
#include "exporter/image_writer.h"
#include "oci/reference.h"
#include "util/progress.h"

namespace exporter {

/// Is there somewhere to push to? Throws util::Error.
void check_push(const ExportRequest& request);

/// Pushes an image under the names of `request`: per repository first the blobs that are not there yet, in parallel
/// (mounted from where they came from in the same registry, else uploaded, for which remote ones are fetched), then the
/// manifests, tags last.
void push_image(const WrittenImage& image, const ExportRequest& request, ExportServices services,
                util::ProgressTask& task, std::stop_token stop);

}  // namespace exporter
