#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "oci/descriptor.h"
#include "oci/registry_session.h"
#include "util/stream.h"

namespace oci {

/// Uploads one blob by the distribution spec ("Pushing blobs"): in a single PUT. Where that is refused (405, 411, 413,
/// 501), in chunks, which get smaller as long as they are too large, and go on after a fault where the registry says
/// they broke off.
class BlobUpload {
 public:
  using Open = std::function<std::unique_ptr<util::Reader>()>;
  BlobUpload(RegistrySession& session, RegistryLocation location, const Descriptor& blob, Open open,
             std::stop_token stop);
  /// `opened`: URL of an upload that was begun already, or empty. Throws RegistryError, Cancelled.
  void run(std::string opened);

 private:
  RegistryRequest request(const char* method, std::string target) const;
  util::HttpResponse begin();
  bool monolithic(std::string opened);
  util::HttpResponse put(RegistryRequest request);
  void chunked();
  void send_chunks();
  bool send_chunk(const std::string& bytes);
  bool find_position();
  [[noreturn]] void refuse(const util::HttpResponse& response) const;

  RegistrySession& session_;
  const RegistryLocation location_;
  const Descriptor& blob_;
  const Open open_;
  std::stop_token stop_;
  // Of an upload in chunks.
  std::string url_;
  std::uint64_t position_ = 0;
  std::uint64_t chunk_size_;
  std::uint64_t least_chunk_ = 0;  ///< OCI-Chunk-Min-Length
};

/// Where an answer to `request_url` sends an upload. Throws util::Error when it does not say.
std::string upload_location(const util::HttpResponse& response, const std::string& request_url);

}  // namespace oci
