#include "source/image_origin.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "cache/damage.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/stats.h"

namespace source {
namespace {

constexpr std::string_view kLayoutPrefix = "layout:";
constexpr std::int64_t kMaxConfig = 8 << 20;
constexpr int kTriesDamaged = 2;
constexpr std::chrono::milliseconds kReportInterval{50};

/// Reports a transfer without flooding the displays.
class Report {
 public:
  Report(util::ProgressTask* task, const util::Digest& blob, std::int64_t total)
      : task_(task), part_(blob.to_string()), total_(total) {
    if (task_ != nullptr) task_->bytes(part_, 0, total_);
  }
  void operator()(std::uint64_t current) {
    auto now = std::chrono::steady_clock::now();
    if (task_ == nullptr || now - last_ < kReportInterval) return;
    last_ = now;
    task_->bytes(part_, static_cast<std::int64_t>(current), total_);
  }
  void done() {
    if (task_ != nullptr) task_->bytes(part_, total_, total_, true);
  }

 private:
  util::ProgressTask* task_;
  std::string part_;
  std::int64_t total_;
  std::chrono::steady_clock::time_point last_;
};

void copy_file(const std::filesystem::path& from, cache::BlobWriter& to, Report& report, std::stop_token stop) {
  util::Fd fd = util::open_file(from, O_RDONLY);
  const util::Buffer buffer(256 << 10);
  std::uint64_t copied = 0;
  while (std::size_t count = util::read_full(fd.get(), buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    to.write(util::Bytes(buffer).first(count));
    report(copied += count);
  }
}

}  // namespace

ImageOrigin ImageOrigin::parse(const std::string& origin, cache::ContentStore& content, oci::RegistryClient& registry) {
  ImageOrigin result(content, registry);
  if (origin.starts_with(kLayoutPrefix)) {
    result.layout_path_ = origin.substr(kLayoutPrefix.size());
    result.layout_.emplace(result.layout_path_);
  } else {
    result.reference_ = oci::Reference::parse(origin);
  }
  return result;
}

ImageOrigin::ImageOrigin(const oci::ImageLocation& location, cache::ContentStore& content,
                         oci::RegistryClient& registry)
    : ImageOrigin(content, registry) {
  if (location.kind == oci::ImageLocation::Kind::layout) {
    layout_path_ = location.layout_path;
    layout_tag_ = location.layout_tag;
    layout_digest_ = location.layout_digest;
    layout_.emplace(layout_path_);
  } else {
    reference_ = oci::Reference::parse(location.reference);
  }
}

std::string ImageOrigin::to_string() const {
  return layout_ ? std::string(kLayoutPrefix) + layout_path_ : reference_.to_string();
}

std::string ImageOrigin::display() const {
  if (!layout_) return reference_.to_string();
  std::string text = "oci-layout://" + layout_path_;
  if (!layout_tag_.empty()) text += ":" + layout_tag_;
  if (layout_digest_) text += "@" + layout_digest_.to_string();
  return text;
}

std::optional<std::string> ImageOrigin::stored(const util::Digest& digest) const {
  if (!content_.contains(digest)) return std::nullopt;
  try {
    return content_.read(digest);
  } catch (const cache::Damage&) {
    return std::nullopt;  // it is fetched again
  }
}

std::string ImageOrigin::manifest(const util::Digest& digest, std::stop_token stop) const {
  if (auto bytes = stored(digest)) return *bytes;
  std::string bytes;
  if (layout_) {
    oci::Descriptor descriptor;
    descriptor.digest = digest;
    bytes = layout_->read_blob(descriptor);
  } else {
    oci::Reference pinned = reference_;
    pinned.digest = digest;
    bytes = registry_.manifest(pinned, stop).bytes;
  }
  content_.put(bytes);
  return bytes;
}

oci::ManifestBytes ImageOrigin::top(std::stop_token stop) const {
  oci::ManifestBytes result;
  if (layout_) {
    result.descriptor = layout_->find(layout_tag_, layout_digest_);
    result.bytes = layout_->read_blob(result.descriptor);
  } else {
    result = registry_.manifest(reference_, stop);
  }
  content_.put(result.bytes);
  return result;
}

std::string ImageOrigin::config(const oci::Descriptor& descriptor, std::stop_token stop) const {
  if (auto bytes = stored(descriptor.digest)) return *bytes;
  if (descriptor.size > kMaxConfig)
    throw util::Error(fmt::format("image config of {} bytes is too large", descriptor.size));
  if (!layout_) {
    download(descriptor, {}, stop);
    return content_.read(descriptor.digest);
  }
  std::string bytes = layout_->read_blob(descriptor);
  content_.put(bytes);
  return bytes;
}

/// A mirror, or something on the way, may send other bytes: they are thrown away and fetched again.
void ImageOrigin::download(const oci::Descriptor& descriptor, const oci::TransferProgress& progress,
                           std::stop_token stop) const {
  for (int tries = 1;; ++tries) {
    cache::BlobWriter writer = content_.create(descriptor.digest);
    try {
      registry_.fetch_blob(reference_, descriptor, writer, progress, stop);
      writer.commit();
      return;
    } catch (const oci::DamagedBlob& error) {
      if (tries == kTriesDamaged) throw;
      util::log_warning(error.message() + "; it is fetched again");
    }
  }
}

void ImageOrigin::blob(const oci::Descriptor& descriptor, util::ProgressTask* task, std::stop_token stop) const {
  static util::Counter& fetched = util::counter("blobs.fetched");
  Report report(task, descriptor.digest, descriptor.size);
  if (layout_) {
    util::with_context(fmt::format("read `{}`", display()), [&] {
      cache::BlobWriter writer = content_.create(descriptor.digest);
      copy_file(layout_->blob_path(descriptor.digest), writer, report, stop);
      writer.commit();
    });
  } else {
    download(
        descriptor, [&](std::uint64_t current, std::uint64_t) { report(current); }, stop);
  }
  report.done();
  fetched.add();
}

}  // namespace source
