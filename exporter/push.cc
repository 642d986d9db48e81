#include "exporter/push.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "util/check.h"
#include "util/error.h"
#include "util/parallel.h"

namespace exporter {
namespace {

constexpr unsigned kParallelUploads = 6;

bool by_digest(const OutputSpec& output) {
  auto attribute = output.other.find("push-by-digest");
  return attribute != output.other.end() && attribute->second == "true";
}

/// Progress events of a transfer, not more than ten a second.
class TransferReport {
 public:
  TransferReport(util::ProgressTask& task, std::string part) : task_(task), part_(std::move(part)) {}
  void operator()(std::uint64_t current, std::uint64_t total) {
    auto now = std::chrono::steady_clock::now();
    bool complete = current == total;
    if (!complete && now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    task_.bytes(part_, static_cast<std::int64_t>(current), static_cast<std::int64_t>(total), complete);
  }

 private:
  util::ProgressTask& task_;
  std::string part_;
  std::chrono::steady_clock::time_point last_{};
};

/// A blob of the image and how to get at its bytes.
struct PushBlob {
  oci::Descriptor descriptor;
  std::string origin;    ///< image name it was pulled from, or empty
  cache::LayerId layer;  ///< empty: in the content store
};

class Pusher {
 public:
  Pusher(const WrittenImage& image, const ExportRequest& request, ExportServices services, util::ProgressTask& task,
         std::stop_token stop, const PushObserver& observer)
      : image_(image),
        request_(request),
        services_(services),
        task_(task),
        stop_(std::move(stop)),
        observer_(observer) {}

  void push_to(const oci::Reference& name);

 private:
  std::vector<PushBlob> blobs() const;
  void push_blobs(const oci::Reference& repository);
  void push_blob(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop);
  void upload(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop);
  void tell(const PushBlob& blob, BlobOutcome outcome, const std::string& mounted_from = {}) const;
  std::optional<std::string> mount(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop);
  void push_manifest(const oci::Reference& name, const oci::Descriptor& descriptor);

  const WrittenImage& image_;
  const ExportRequest& request_;
  ExportServices services_;
  util::ProgressTask& task_;
  std::stop_token stop_;
  const PushObserver& observer_;
  std::vector<oci::Reference> done_;  ///< repositories that have all blobs
};

std::vector<PushBlob> Pusher::blobs() const {
  std::vector<PushBlob> blobs;
  std::set<util::Digest> seen;
  for (std::size_t p = 0; p < image_.platforms.size(); ++p) {
    const WrittenImage::Platform& platform = image_.platforms[p];
    for (std::size_t i = 0; i < platform.layers.size(); ++i) {
      const cache::LayerBlob& layer = platform.layers[i];
      if (!seen.insert(layer.descriptor.digest).second) continue;
      blobs.push_back({layer.descriptor, layer.origin, request_.images[p].layers[i]});
    }
    if (seen.insert(platform.config.digest).second) blobs.push_back({platform.config, {}, {}});
  }
  return blobs;
}

/// From where the layer was pulled, or from a repository that this image was pushed to before; returns which. A registry
/// that cannot or may not do it is no reason to fail: then the bytes go over the line.
std::optional<std::string> Pusher::mount(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop) {
  std::set<std::string> sources;
  for (const oci::Reference& earlier : done_) {
    if (earlier.domain == repository.domain) sources.insert(earlier.repository);
  }
  if (!blob.origin.empty() && !blob.origin.starts_with("layout:")) {
    oci::Reference origin = oci::Reference::parse(blob.origin);
    if (origin.domain == repository.domain) sources.insert(origin.repository);
  }
  sources.erase(repository.repository);
  for (const std::string& source : sources) {
    try {
      if (services_.registry.mount_blob(repository, blob.descriptor.digest, source, stop)) return source;
    } catch (const oci::RegistryError& error) {
      if (error.kind() == oci::RegistryError::Kind::unreachable) throw;
    }
  }
  return std::nullopt;
}

void Pusher::tell(const PushBlob& blob, BlobOutcome outcome, const std::string& mounted_from) const {
  if (observer_) observer_(blob.descriptor, outcome, mounted_from);
}

void Pusher::push_blob(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop) {
  if (services_.registry.has_blob(repository, blob.descriptor.digest, stop)) return tell(blob, BlobOutcome::exists);
  if (const auto source = mount(repository, blob, stop)) return tell(blob, BlobOutcome::mounted, *source);
  upload(repository, blob, stop);
  tell(blob, BlobOutcome::uploaded);
}

void Pusher::upload(const oci::Reference& repository, const PushBlob& blob, const std::stop_token& stop) {
  const util::Digest& digest = blob.descriptor.digest;
  cache::ContentStore& content = services_.cache.content();
  if (!content.contains(digest)) {
    // Only now is it known that the bytes of a base layer are needed at all.
    CHECK(blob.layer);
    services_.cache.layers().blob(blob.layer, request_.output.pack, true, &task_, stop);
  }
  // Before anything is sent: what the registry refuses tells less.
  content.verify(digest, stop);
  TransferReport report(task_, "pushing " + digest.to_string());
  services_.registry.push_blob(
      repository, blob.descriptor, [&] { return content.open(digest); }, std::ref(report), stop);
}

void Pusher::push_blobs(const oci::Reference& repository) {
  for (const oci::Reference& earlier : done_) {
    if (earlier.name() == repository.name()) return;
  }
  const std::string part = "pushing layers";
  task_.bytes(part, 0, 0);
  const std::vector<PushBlob> all = blobs();
  util::for_each_parallel(
      all.size(), kParallelUploads,
      [&](std::size_t i, const std::stop_token& stop) { push_blob(repository, all[i], stop); }, stop_);
  task_.bytes(part, 0, 0, true);
  done_.push_back(repository);
}

void Pusher::push_manifest(const oci::Reference& name, const oci::Descriptor& descriptor) {
  services_.registry.push_manifest(name, {descriptor, services_.cache.content().read(descriptor.digest)}, stop_);
}

void Pusher::push_to(const oci::Reference& name) {
  push_blobs(name);
  oci::Reference target = name;
  target.digest = {};
  const std::string part =
      fmt::format("pushing manifest for {}@{}", target.to_string(), image_.descriptor.digest.to_string());
  task_.bytes(part, 0, 0);
  bool index = oci::is_index(image_.descriptor.media_type);
  for (const WrittenImage::Platform& platform : image_.platforms) {
    if (!index) break;
    push_manifest(oci::Reference{name.domain, name.repository, {}, platform.manifest.digest}, platform.manifest);
  }
  if (by_digest(request_.output)) target = {name.domain, name.repository, {}, image_.descriptor.digest};
  push_manifest(target, image_.descriptor);
  task_.bytes(part, 0, 0, true);
}

}  // namespace

void check_push(const ExportRequest& request) {
  if (request.names.empty()) {
    throw util::Error("push image: it has no name", "give one with -t, or with name= of the output");
  }
}

void push_image(const WrittenImage& image, const ExportRequest& request, ExportServices services,
                util::ProgressTask& task, std::stop_token stop, const PushObserver& observer) {
  check_push(request);
  Pusher pusher(image, request, services, task, std::move(stop), observer);
  for (const oci::Reference& name : request.names) pusher.push_to(name);
}

}  // namespace exporter
