#pragma once

#include "cache/damage.h"
#include "exporter/exporter.h"
#include "exporter/image_writer.h"
#include "util/error.h"
#include "util/progress.h"

namespace exporter {

/// What a caller learns about an image that was written.
inline ExportReport make_report(const WrittenImage& image, const ExportRequest& request) {
  ExportReport report;
  report.descriptor = image.descriptor;
  if (image.platforms.size() == 1) report.config_digest = image.platforms[0].config.digest;
  for (const oci::Reference& name : request.names) report.names.push_back(name.to_string());
  return report;
}

/// Runs the body of a task, which ends as done, or as failed with the error's text. Damage of the store is no failure
/// yet: the build is going to mend it.
template <typename F>
auto run_task(util::ProgressTask& task, F&& body) {
  try {
    auto result = body();
    task.done();
    return result;
  } catch (const cache::Damage&) {
    task.cancel();
    throw;
  } catch (const util::Error& error) {
    task.fail(error.message());
    throw;
  }
}

}  // namespace exporter
