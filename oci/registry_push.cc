#include <fmt/format.h>

#include "oci/registry.h"
#include "oci/registry_state.h"
#include "util/error.h"
#include "util/http_url.h"
#include "util/stats.h"

namespace oci {
namespace {

constexpr int kMaxRedirects = 5;

std::string pushing(const Reference& reference) {
  return fmt::format("push `{}`", reference.to_string());
}

std::string upload_scope(const Reference& reference) {
  return scope(reference.repository, "pull,push");
}

std::string location_of(const util::HttpResponse& response, const std::string& origin) {
  auto location = response.header("location");
  if (location && !location->empty()) {
    if (auto url = util::resolve_url(response.final_url.empty() ? origin : response.final_url, *location)) return *url;
  }
  throw util::Error("the registry did not say where to upload");
}

/// Reports how much of a blob was sent.
class ReportingReader final : public util::Reader {
 public:
  ReportingReader(std::unique_ptr<util::Reader> from, std::uint64_t total, const TransferProgress& progress)
      : from_(std::move(from)), total_(total), progress_(progress) {}
  std::size_t read(std::span<std::byte> buffer) override {
    std::size_t count = from_->read(buffer);
    sent_ += count;
    if (progress_ && count > 0) progress_(sent_, total_);
    return count;
  }

 private:
  std::unique_ptr<util::Reader> from_;
  std::uint64_t total_;
  std::uint64_t sent_ = 0;
  const TransferProgress& progress_;
};

std::string with_digest(const std::string& url, const util::Digest& digest) {
  return fmt::format("{}{}digest={}", url, url.find('?') == std::string::npos ? '?' : '&',
                     percent_encode(digest.to_string()));
}

/// PUTs to an upload URL. A redirect is followed here, because the body has to be opened anew.
util::HttpResponse put_blob(RegistrySession& session, RegistryRequest request, std::stop_token stop) {
  util::HttpResponse response;
  for (int i = 0; i < kMaxRedirects; ++i) {
    response = session.exchange(request, nullptr, stop);
    if (response.status != 307 && response.status != 308) return response;
    request.target = location_of(response, request.target);
  }
  return response;
}

std::string start_upload(RegistrySession& session, const Reference& repository, std::stop_token stop) {
  RegistryRequest request;
  request.method = "POST";
  request.host = repository.domain;
  request.target = fmt::format("/v2/{}/blobs/uploads/", repository.repository);
  request.scopes = upload_scope(repository);
  util::HttpResponse response = session.send(request, stop);
  if (response.status != 202) throw status_error(repository.domain, response);
  return location_of(response, session.host(repository.domain).endpoint(stop).origin() + request.target);
}

}  // namespace

bool RegistryClient::has_blob(const Reference& repository, const util::Digest& digest, std::stop_token stop) {
  RegistryRequest request;
  request.method = "HEAD";
  request.host = repository.domain;
  request.target = fmt::format("/v2/{}/blobs/{}", repository.repository, digest.to_string());
  request.scopes = upload_scope(repository);
  util::HttpResponse response = state_->session.send(request, stop);
  if (response.status >= 200 && response.status <= 299) return true;
  if (response.status == 404) return false;
  RegistryError error = status_error(repository.domain, response);
  error.add_context(pushing(repository));
  throw error;
}

bool RegistryClient::mount_blob(const Reference& repository, const util::Digest& digest,
                                const std::string& from_repository, std::stop_token stop) {
  RegistryRequest request;
  request.method = "POST";
  request.host = repository.domain;
  request.target = fmt::format("/v2/{}/blobs/uploads/?mount={}&from={}", repository.repository,
                               percent_encode(digest.to_string()), percent_encode(from_repository));
  request.scopes = upload_scope(repository);
  if (from_repository != repository.repository) request.scopes += " " + scope(from_repository, "pull");
  util::HttpResponse response = state_->session.send(request, stop);
  if (response.status == 201) return true;
  if (response.status == 202 && response.header("location")) {
    std::string origin = state_->session.host(repository.domain).endpoint(stop).origin() + request.target;
    (*state_->opened_uploads.lock())[{repository.name(), digest.to_string()}] = location_of(response, origin);
  }
  // Any other answer just means that this registry does not mount; the upload will tell what is wrong.
  return false;
}

void RegistryClient::push_blob(const Reference& repository, const Descriptor& blob,
                               const std::function<std::unique_ptr<util::Reader>()>& open,
                               const TransferProgress& progress, std::stop_token stop) {
  RegistrySession& session = state_->session;
  RetryPolicy retry = session.retry_policy(stop);
  RegistryRequest request;
  request.method = "PUT";
  request.host = repository.domain;
  request.scopes = upload_scope(repository);
  request.headers.emplace_back("Content-Type", "application/octet-stream");
  request.size = static_cast<std::uint64_t>(blob.size);
  request.open = [&] { return std::make_unique<ReportingReader>(open(), request.size, progress); };
  request.follow_redirects = false;
  auto slot = session.host(repository.domain).transfer_slot(stop);
  std::string upload;
  if (auto opened = state_->opened_uploads.lock()->extract({repository.name(), blob.digest.to_string()}))
    upload = opened.mapped();
  bool reused = !upload.empty();
  try {
    for (;;) {
      try {
        if (upload.empty()) upload = start_upload(session, repository, stop);
        request.target = with_digest(std::exchange(upload, {}), blob.digest);
        util::HttpResponse response = put_blob(session, request, stop);
        if (response.status >= 200 && response.status <= 299) {
          util::counter("bytes.pushed").add(blob.size);
          return;
        }
        // The session that a refused mount left behind may have expired.
        bool expired = std::exchange(reused, false) && (response.status == 404 || response.status == 400);
        if (!expired && !retry.after(response)) throw status_error(repository.domain, response);
      } catch (const util::HttpError& fault) {
        if (!retry.after(fault)) throw transport_error(repository.domain, fault);
      }
    }
  } catch (util::Cancelled&) {
    throw;
  } catch (util::Error& error) {
    error.add_context(fmt::format("push `{}`: blob `{}`", repository.name(), blob.digest.to_string()));
    throw;
  }
}

void RegistryClient::push_manifest(const Reference& reference, const ManifestBytes& manifest, std::stop_token stop) {
  RegistryRequest request;
  request.method = "PUT";
  request.host = reference.domain;
  request.target = fmt::format("/v2/{}/manifests/{}", reference.repository,
                               reference.tag.empty() ? manifest.descriptor.digest.to_string() : reference.tag);
  request.scopes = upload_scope(reference);
  request.headers.emplace_back("Content-Type", manifest.descriptor.media_type);
  request.body = manifest.bytes;
  util::HttpResponse response = state_->session.send(request, stop);
  if (response.status < 200 || response.status > 299) {
    RegistryError error = status_error(reference.domain, response);
    error.add_context(pushing(reference));
    throw error;
  }
  auto stored = util::Digest::find(response.header("docker-content-digest").value_or(""));
  if (stored && stored->algorithm() == manifest.descriptor.digest.algorithm() &&
      *stored != manifest.descriptor.digest) {
    throw util::Error(fmt::format("{}: the registry stored it as `{}` instead of `{}`", pushing(reference),
                                  stored->to_string(), manifest.descriptor.digest.to_string()));
  }
}

}  // namespace oci
