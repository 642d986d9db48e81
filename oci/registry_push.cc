#include <fmt/format.h>

#include <functional>
#include <memory>
#include <utility>

#include "oci/registry.h"
#include "oci/registry_state.h"
#include "oci/registry_upload.h"
#include "util/error.h"
#include "util/stats.h"

namespace oci {
namespace {

std::string pushing(const Reference& reference) {
  return fmt::format("push `{}`", reference.to_string());
}

[[noreturn]] void refuse_push(const Reference& reference, const util::HttpResponse& response) {
  RegistryError error = status_error(reference.domain, response);
  if (error.kind() == RegistryError::Kind::unauthorized) {
    error.set_hint(fmt::format("log in with an account that may push to `{}`", reference.name()));
  }
  error.add_context(pushing(reference));
  throw error;
}

/// Reports how much of a blob was sent, and its end.
class ReportingReader final : public util::Reader {
 public:
  ReportingReader(std::unique_ptr<util::Reader> from, std::uint64_t total, const TransferProgress& progress,
                  std::function<void()> at_end)
      : from_(std::move(from)), total_(total), progress_(progress), at_end_(std::move(at_end)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    std::size_t count = from_->read(buffer);
    sent_ += count;
    if (progress_ && count > 0) progress_(sent_, total_);
    if (sent_ == total_) at_end_();
    return count;
  }

 private:
  std::unique_ptr<util::Reader> from_;
  std::uint64_t total_;
  std::uint64_t sent_ = 0;
  const TransferProgress& progress_;
  std::function<void()> at_end_;
};

RegistryRequest push_request(RegistrySession& session, const Reference& reference, const char* method,
                             std::string target) {
  RegistryRequest request;
  request.method = method;
  request.location = session.config().upstream(reference);
  request.target = std::move(target);
  request.actions = "pull,push";
  return request;
}

}  // namespace

bool RegistryClient::has_blob(const Reference& repository, const util::Digest& digest, std::stop_token stop) {
  RegistrySession& session = state_->session;
  util::HttpResponse response =
      session.send(push_request(session, repository, "HEAD", "blobs/" + digest.to_string()), stop);
  if (response.status >= 200 && response.status <= 299) return true;
  if (response.status == 404) return false;
  refuse_push(repository, response);
}

bool RegistryClient::mount_blob(const Reference& repository, const util::Digest& digest,
                                const std::string& from_repository, std::stop_token stop) {
  RegistrySession& session = state_->session;
  RegistryRequest request =
      push_request(session, repository, "POST",
                   fmt::format("blobs/uploads/?mount={}&from={}", percent_encode(digest.to_string()),
                               percent_encode(from_repository)));
  if (from_repository != repository.repository) request.scopes = scope(from_repository, "pull");
  util::HttpResponse response = session.send(request, stop);
  if (response.status == 201) return true;
  if (response.status == 202 && response.header("location")) {
    (*state_->opened_uploads.lock())[{repository.name(), digest.to_string()}] =
        upload_location(response, session.url(request, stop));
  }
  // Any other answer just means that this registry does not mount; the upload will tell what is wrong.
  return false;
}

void RegistryClient::push_blob(const Reference& repository, const Descriptor& blob,
                               const std::function<std::unique_ptr<util::Reader>()>& open,
                               const TransferProgress& progress, std::stop_token stop) {
  try {
    RegistryLocation location = state_->session.config().upstream(repository);
    RegistryHost& host = state_->session.host(location.endpoint);
    std::shared_ptr<void> slot = host.transfer_slot(stop);
    std::string opened;
    if (auto entry = state_->opened_uploads.lock()->extract({repository.name(), blob.digest.to_string()})) {
      opened = entry.mapped();
    }
    // While the registry reads back what it got, the next one is sent.
    auto reported = [&] {
      if (!slot) slot = host.transfer_slot(stop);
      return std::make_unique<ReportingReader>(open(), static_cast<std::uint64_t>(blob.size), progress,
                                               [&slot] { slot.reset(); });
    };
    BlobUpload(state_->session, location, blob, reported, stop).run(opened);
    util::counter("bytes.pushed").add(blob.size);
  } catch (util::Cancelled&) {
    throw;
  } catch (RegistryError& error) {
    if (error.kind() == RegistryError::Kind::unauthorized) {
      error.set_hint(fmt::format("log in with an account that may push to `{}`", repository.name()));
    }
    error.add_context(fmt::format("push `{}`: blob `{}`", repository.name(), blob.digest.to_string()));
    throw;
  } catch (util::Error& error) {
    error.add_context(fmt::format("push `{}`: blob `{}`", repository.name(), blob.digest.to_string()));
    throw;
  }
}

void RegistryClient::push_manifest(const Reference& reference, const ManifestBytes& manifest, std::stop_token stop) {
  RegistrySession& session = state_->session;
  RegistryRequest request =
      push_request(session, reference, "PUT",
                   "manifests/" + (reference.tag.empty() ? manifest.descriptor.digest.to_string() : reference.tag));
  request.headers.emplace_back("Content-Type", manifest.descriptor.media_type);
  request.body = manifest.bytes;
  util::HttpResponse response = session.send(request, stop);
  if (response.status < 200 || response.status > 299) refuse_push(reference, response);
  auto stored = util::Digest::find(response.header("docker-content-digest").value_or(""));
  if (stored && stored->algorithm() == manifest.descriptor.digest.algorithm() &&
      *stored != manifest.descriptor.digest) {
    throw util::Error(fmt::format("{}: the registry stored it as `{}` instead of `{}`", pushing(reference),
                                  stored->to_string(), manifest.descriptor.digest.to_string()));
  }
}

}  // namespace oci
