#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "exporter/exporter.h"
#include "exporter/image_writer.h"
#include "oci/reference.h"
#include "util/progress.h"

namespace exporter {

/// Is there somewhere to push to? Throws util::Error.
void check_push(const ExportRequest& request);

/// What became of a blob: the repository had it, took it over from `mounted_from`, or it was sent.
enum class BlobOutcome { exists, mounted, uploaded };
/// Hears of every blob once it is in the repository; called from several threads.
using PushObserver =
    std::function<void(const oci::Descriptor& blob, BlobOutcome outcome, const std::string& mounted_from)>;

/// Pushes an image under the names of `request`: per repository first the blobs that are not there yet, in parallel
/// (mounted from where they came from in the same registry, else uploaded, for which remote ones are fetched), then the
/// manifests, tags last.
void push_image(const WrittenImage& image, const ExportRequest& request, ExportServices services,
                util::ProgressTask& task, std::stop_token stop, const PushObserver& observer = {});

}  // namespace exporter
