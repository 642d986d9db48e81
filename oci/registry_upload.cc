#include "oci/registry_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "util/error.h"
#include "util/http_url.h"

namespace oci {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::uint64_t kChunk = 16u << 20;
constexpr std::uint64_t kLeastChunk = 64u << 10;
constexpr std::uint64_t kMostChunk = 256u << 20;  // a chunk is held in memory

bool is_success(int status) {
  return status >= 200 && status <= 299;
}

/// Not in one piece, then.
bool wants_chunks(int status) {
  return status == 405 || status == 411 || status == 413 || status == 501;
}

std::string with_digest(const std::string& url, const util::Digest& digest) {
  return fmt::format("{}{}digest={}", url, url.find('?') == std::string::npos ? '?' : '&',
                     percent_encode(digest.to_string()));
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Bytes that are there by "Range: 0-99", inclusive. "0-0" is what registries say of an empty upload, too; the byte is
/// sent again then.
std::uint64_t received(const util::HttpResponse& response) {
  std::string range = response.header("range").value_or("");
  std::uint64_t last = number(std::string_view(range).substr(range.find('-') + 1));
  return last == 0 ? 0 : last + 1;
}

std::string read_up_to(util::Reader& from, std::uint64_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    std::size_t count = from.read(std::as_writable_bytes(std::span(bytes).subspan(have)));
    if (count == 0) throw util::Error(fmt::format("the data to be sent end {} bytes too early", size - have));
    have += count;
  }
  return bytes;
}

void skip(util::Reader& from, std::uint64_t count) {
  while (count > 0) count -= read_up_to(from, std::min(count, kLeastChunk)).size();
}

}  // namespace

std::string upload_location(const util::HttpResponse& response, const std::string& request_url) {
  auto location = response.header("location");
  if (location && !location->empty()) {
    std::string base = response.final_url.empty() ? request_url : response.final_url;
    if (auto url = util::resolve_url(base, *location)) return *url;
  }
  throw util::Error("the registry did not say where to upload");
}

BlobUpload::BlobUpload(RegistrySession& session, RegistryLocation location, const Descriptor& blob, Open open,
                       std::stop_token stop)
    : session_(session),
      location_(std::move(location)),
      blob_(blob),
      open_(std::move(open)),
      stop_(std::move(stop)),
      chunk_size_(kChunk) {}

RegistryRequest BlobUpload::request(const char* method, std::string target) const {
  RegistryRequest request;
  request.method = method;
  request.location = location_;
  request.target = std::move(target);
  request.actions = "pull,push";
  return request;
}

void BlobUpload::refuse(const util::HttpResponse& response) const {
  throw status_error(location_.endpoint.name, response);
}

void BlobUpload::run(std::string opened) {
  if (!monolithic(std::move(opened))) chunked();
}

util::HttpResponse BlobUpload::begin() {
  RegistryRequest start = request("POST", "blobs/uploads/");
  util::HttpResponse response = session_.send(start, stop_);
  if (response.status != 202) refuse(response);
  url_ = upload_location(response, session_.url(start, stop_));
  least_chunk_ = std::min(number(response.header("oci-chunk-min-length").value_or("")), kMostChunk);
  return response;
}

/// A redirect is followed here, because the body has to be opened anew.
util::HttpResponse BlobUpload::put(RegistryRequest request) {
  util::HttpResponse response;
  for (int i = 0; i <= kMaxRedirects; ++i) {
    response = session_.exchange(request, nullptr, stop_);
    if (response.status != 307 && response.status != 308) return response;
    request.target = upload_location(response, request.target);
  }
  throw util::HttpError(fmt::format("more than {} redirects", kMaxRedirects), false);
}

/// False = the registry wants it in chunks.
bool BlobUpload::monolithic(std::string opened) {
  RetryPolicy retry = session_.retry_policy(location_, stop_);
  bool reused = !opened.empty();
  url_ = std::move(opened);
  for (;;) {
    try {
      if (url_.empty()) begin();
      RegistryRequest whole = request("PUT", with_digest(std::exchange(url_, {}), blob_.digest));
      whole.headers.emplace_back("Content-Type", "application/octet-stream");
      whole.size = static_cast<std::uint64_t>(blob_.size);
      whole.open = open_;
      whole.follow_redirects = false;
      util::HttpResponse response = put(std::move(whole));
      if (is_success(response.status)) return true;
      if (wants_chunks(response.status)) return false;
      // The session that a refused mount left behind may have expired.
      bool expired = std::exchange(reused, false) && (response.status == 404 || response.status == 400);
      if (!expired && !retry.after(response)) refuse(response);
    } catch (const util::HttpError& fault) {
      if (!retry.after(fault)) throw transport_error(location_.endpoint.name, fault);
    }
  }
}

void BlobUpload::chunked() {
  RetryPolicy retry = session_.retry_policy(location_, stop_);
  url_.clear();
  for (;;) {
    std::uint64_t before = position_;
    try {
      if (url_.empty() || !find_position()) {
        position_ = 0;
        begin();
      }
      return send_chunks();
    } catch (const util::HttpError& fault) {
      if (position_ > before) retry.progress();
      if (!retry.after(fault)) throw transport_error(location_.endpoint.name, fault);
    }
  }
}

/// Sends what is missing, and closes the upload.
void BlobUpload::send_chunks() {
  const auto size = static_cast<std::uint64_t>(blob_.size);
  while (position_ < size) {
    std::unique_ptr<util::Reader> reader = open_();
    skip(*reader, position_);
    bool fits = true;
    while (fits && position_ < size) {
      fits = send_chunk(read_up_to(*reader, std::min(std::max(chunk_size_, least_chunk_), size - position_)));
    }
  }
  util::HttpResponse response = session_.send(request("PUT", with_digest(url_, blob_.digest)), stop_);
  if (!is_success(response.status)) refuse(response);
}

/// False = it is too large; the next are smaller. Throws HttpError when what the registry has must be asked for.
bool BlobUpload::send_chunk(const std::string& bytes) {
  RegistryRequest chunk = request("PATCH", url_);
  chunk.headers.emplace_back("Content-Type", "application/octet-stream");
  chunk.headers.emplace_back("Content-Range", fmt::format("{}-{}", position_, position_ + bytes.size() - 1));
  chunk.body = bytes;
  util::HttpResponse response = session_.exchange(chunk, nullptr, stop_);
  if (response.status == 413 && chunk_size_ > std::max(kLeastChunk, least_chunk_)) {
    chunk_size_ = std::max(std::min<std::uint64_t>(chunk_size_, bytes.size()) / 4, kLeastChunk);
    return false;
  }
  if (response.status == 416 || response.status == 429 || response.status >= 500) {
    throw util::HttpError(fmt::format("the registry returned {} to a chunk", response.status), true);
  }
  if (!is_success(response.status)) refuse(response);
  url_ = upload_location(response, url_);
  position_ += bytes.size();
  return true;
}

/// How much of the upload the registry has. False = it does not know it any more.
bool BlobUpload::find_position() {
  util::HttpResponse response = session_.send(request("GET", url_), stop_);
  if (!is_success(response.status)) return false;
  position_ = std::min(received(response), static_cast<std::uint64_t>(blob_.size));
  if (response.header("location")) url_ = upload_location(response, url_);
  return true;
}

}  // namespace oci
