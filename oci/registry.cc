#include "oci/registry.h"

#include <fmt/format.h>

#include "oci/image.h"
#include "oci/registry_state.h"
#include "util/stats.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr std::size_t kMaxManifest = 8u << 20;

bool is_success(int status) {
  return status >= 200 && status <= 299;
}

std::string pulling(const Reference& reference) {
  return fmt::format("pull `{}`", reference.to_string());
}

RegistryConfig::Purpose purpose_of(const Reference& reference) {
  return reference.digest ? RegistryConfig::Purpose::pull : RegistryConfig::Purpose::resolve;
}

/// Asks for the digest if there is one: it wins over the tag.
RegistryRequest manifest_request(const RegistryLocation& location, const Reference& reference, const char* method) {
  RegistryRequest request;
  request.method = method;
  request.location = location;
  request.target = "manifests/" + (reference.digest ? reference.digest.to_string() : reference.tag);
  request.actions = "pull";
  request.headers.emplace_back("Accept",
                               fmt::format("{}, {}, {}, {}", kOciIndex, kOciManifest, kDockerIndex, kDockerManifest));
  return request;
}

[[noreturn]] void refuse_manifest(const RegistryLocation& location, const Reference& reference,
                                  const util::HttpResponse& response) {
  RegistryError error = status_error(location.endpoint.name, response);
  if (error.kind() == RegistryError::Kind::not_found) {
    bool name_unknown = error_of(response).first == "NAME_UNKNOWN";
    std::string what = name_unknown ? "repository" : reference.digest ? "digest" : "tag";
    throw RegistryError(RegistryError::Kind::not_found,
                        fmt::format("{}: not found (no such {})", pulling(reference), what),
                        name_unknown ? "check the name of the image" : "check the tag or digest of the image");
  }
  error.add_context(pulling(reference));
  throw error;
}

/// Passes a blob on, while it counts and reports it. Survives several tries: after a cut it may be told to drop
/// what it has seen already.
class BlobSink final : public util::Writer {
 public:
  BlobSink(const Descriptor& blob, util::DigestWriter& next, const TransferProgress& progress)
      : blob_(blob), next_(next), progress_(progress) {}

  void write(util::Bytes data) override {
    std::uint64_t drop = std::min<std::uint64_t>(skip_, data.size());
    skip_ -= drop;
    data = data.subspan(drop);
    if (data.empty()) return;
    if (data.size() > total() - received_)
      throw DamagedBlob(fmt::format("longer than the {} bytes announced", blob_.size));
    next_.write(data);
    received_ += data.size();
    pulled_.add(static_cast<std::int64_t>(data.size()));
    if (progress_) progress_(received_, total());
  }

  std::uint64_t received() const { return received_; }
  std::uint64_t total() const { return static_cast<std::uint64_t>(blob_.size); }
  void skip(std::uint64_t bytes) { skip_ = bytes; }
  void verify() {
    util::Digest digest = next_.digest();
    if (digest != blob_.digest) throw DamagedBlob(fmt::format("damaged: its digest is `{}`", digest.to_string()));
  }

 private:
  const Descriptor& blob_;
  util::DigestWriter& next_;
  const TransferProgress& progress_;
  util::Counter& pulled_ = util::counter("bytes.pulled");
  std::uint64_t received_ = 0;
  std::uint64_t skip_ = 0;
};

class TooLong final : public util::Error {
 public:
  TooLong() : Error("more than asked for") {}
};

class OneByte final : public util::Writer {
 public:
  void write(util::Bytes data) override {
    seen_ += data.size();
    if (seen_ > 1) throw TooLong();
  }

 private:
  std::size_t seen_ = 0;
};

/// Does the server honour ranges? Asked with a single byte, since a body cannot be told from its first bytes.
bool honours_range(RegistrySession& session, RegistryRequest request, std::uint64_t position, std::stop_token stop) {
  request.headers.emplace_back("Range", fmt::format("bytes={}-{}", position, position));
  OneByte probe;
  try {
    return session.exchange(request, &probe, stop).status == 206;
  } catch (const TooLong&) {
    return false;
  }
}

/// One place a blob may be at. False = it is not there.
bool download(RegistrySession& session, const RegistryRequest& request, BlobSink& sink, std::stop_token stop) {
  RetryPolicy retry = session.retry_policy(request.location, stop);
  // So much has to arrive for a try to count as progress; else a registry that gives a byte each time would go on.
  const std::uint64_t enough = std::min<std::uint64_t>(sink.total() / 16, 1 << 20);
  for (;;) {
    std::uint64_t before = sink.received();
    try {
      RegistryRequest attempt = request;
      if (before > 0 && honours_range(session, request, before, stop)) {
        attempt.headers.emplace_back("Range", fmt::format("bytes={}-", before));
        sink.skip(0);
      } else {
        sink.skip(before);
      }
      util::HttpResponse response = session.exchange(attempt, &sink, stop);
      if (is_success(response.status)) {
        if (sink.received() >= sink.total()) return true;
        throw util::HttpError("the transfer was cut", true);
      }
      if (response.status == 404) return false;
      if (!retry.after(response)) throw status_error(request.location.endpoint.name, response);
    } catch (const util::HttpError& fault) {
      if (sink.received() > before + enough) retry.progress();
      if (sink.received() >= sink.total() && sink.total() > 0) return true;
      if (!retry.after(fault)) throw transport_error(request.location.endpoint.name, fault);
    }
  }
}

/// From one location, or from the addresses that a foreign layer names itself.
void fetch_from(RegistrySession& session, const RegistryLocation& location, const Descriptor& blob, BlobSink& sink,
                std::stop_token stop) {
  RegistryRequest request;
  request.location = location;
  request.actions = "pull";
  std::vector<std::string> targets = {"blobs/" + blob.digest.to_string()};
  for (const std::string& url : blob.urls) {
    if (!location.mirror && (url.starts_with("https://") || url.starts_with("http://"))) targets.push_back(url);
  }
  auto slot = session.host(location.endpoint).transfer_slot(stop);
  for (const std::string& target : targets) {
    request.target = target;
    if (download(session, request, sink, stop)) return sink.verify();
  }
  throw RegistryError(RegistryError::Kind::not_found, "not found");
}

}  // namespace

RegistryClient::RegistryClient() : RegistryClient(std::chrono::milliseconds(250)) {}
RegistryClient::RegistryClient(std::chrono::milliseconds retry_delay) : state_(std::make_unique<State>(retry_delay)) {}
RegistryClient::~RegistryClient() = default;

ManifestBytes RegistryClient::manifest(const Reference& reference, std::stop_token stop) {
  auto ask = [&](const RegistryLocation& location) {
    ManifestBytes result;
    RegistryRequest request = manifest_request(location, reference, "GET");
    util::HttpResponse response = state_->session.send(request, stop, &result.bytes, kMaxManifest);
    if (!is_success(response.status)) refuse_manifest(location, reference, response);
    util::with_context(pulling(reference), [&] {
      util::Digest digest = util::sha256_of(result.bytes);
      if (reference.digest && reference.digest.algorithm() != "sha256")
        throw util::Error("only sha256 digests are supported");
      util::Digest announced =
          util::Digest::find(response.header("docker-content-digest").value_or("")).value_or(digest);
      if (reference.digest) announced = reference.digest;
      if (announced.algorithm() == "sha256" && announced != digest) {
        throw DamagedBlob(fmt::format("the manifest is damaged: its digest is `{}` instead of `{}`", digest.to_string(),
                                      announced.to_string()));
      }
      result.descriptor.digest = digest;
      result.descriptor.size = static_cast<std::int64_t>(result.bytes.size());
      result.descriptor.media_type = manifest_media_type(result.bytes, response.header("content-type").value_or(""));
    });
    return result;
  };
  return state_->first_answer(reference, purpose_of(reference), [&](const RegistryLocation& location) {
    try {
      return ask(location);
    } catch (const DamagedBlob& error) {
      if (location.mirror) throw util::Error(error.message());
    }
    return ask(location);  // it may have been damaged on its way
  });
}

Descriptor RegistryClient::head(const Reference& reference, std::stop_token stop) {
  return state_->first_answer(reference, purpose_of(reference), [&](const RegistryLocation& location) {
    util::HttpResponse response = state_->session.send(manifest_request(location, reference, "HEAD"), stop);
    Descriptor descriptor;
    if (auto digest = util::Digest::find(response.header("docker-content-digest").value_or("")))
      descriptor.digest = *digest;
    std::string type = response.header("content-type").value_or("");
    descriptor.media_type = util::trim(type.substr(0, type.find(';')));
    bool known = is_index(descriptor.media_type) || is_manifest(descriptor.media_type);
    RegistryError error = status_error(location.endpoint.name, response);
    bool final = error.kind() == RegistryError::Kind::unreachable || (location.mirror && response.status == 404);
    if (final && !is_success(response.status)) refuse_manifest(location, reference, response);
    std::string length = response.header("content-length").value_or("");
    bool sized = !length.empty() && length.size() <= 9 && length.find_first_not_of("0123456789") == length.npos;
    // A GET also tells more exactly what is wrong.
    if (!is_success(response.status) || !descriptor.digest || !known || !sized) {
      return manifest(reference, stop).descriptor;
    }
    descriptor.size = std::stol(length);
    if (reference.digest && reference.digest != descriptor.digest) {
      throw util::Error(
          fmt::format("{}: the registry has `{}` instead", pulling(reference), descriptor.digest.to_string()));
    }
    return descriptor;
  });
}

void RegistryClient::fetch_blob(const Reference& repository, const Descriptor& blob, util::DigestWriter& sink,
                                const TransferProgress& progress, std::stop_token stop) {
  std::string context = fmt::format("pull `{}`: blob `{}`", repository.name(), blob.digest.to_string());
  std::vector<std::string> used;  // mirrors that have given bytes
  try {
    if (blob.digest.algorithm() != "sha256") throw util::Error("only sha256 digests are supported");
    BlobSink checked(blob, sink, progress);
    state_->first_answer(repository, RegistryConfig::Purpose::pull, [&](const RegistryLocation& location) {
      std::string key = location.endpoint.key() + "\n" + blob.digest.to_string();
      if (location.mirror && state_->has_given_up(key))
        throw RegistryError(RegistryError::Kind::not_found, "wrong bytes");
      if (location.mirror) used.push_back(key);
      // What one has begun the next goes on with.
      fetch_from(state_->session, location, blob, checked, stop);
    });
  } catch (util::Cancelled&) {
    throw;
  } catch (DamagedBlob& error) {
    state_->given_up.lock()->insert(used.begin(), used.end());
    error.add_context(context);
    throw;
  } catch (util::Error& error) {
    error.add_context(context);
    throw;
  }
}

}  // namespace oci
