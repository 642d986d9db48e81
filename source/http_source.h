#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/content_store.h"
#include "cache/record_store.h"
#include "source/source.h"

namespace source {

/// Value of a secret by its id; nullopt when there is none.
using SecretLookup = std::function<std::optional<std::string>(const std::string& id)>;

/// Single files from http(s). The bytes are kept in the content store; `fetch` yields a tree with one file: the asked
/// name, mode (0600 by default) and owner, and the time that the server's Last-Modified says (else the epoch).
///
/// A URL that was loaded before is asked for with its validators (ETag, else Last-Modified): first HEAD, then GET, so
/// that nothing is transferred as long as the server says that it is the same. One whose checksum is demanded and whose
/// bytes are here needs no request. Credentials: those of the URL, or the secrets HTTP_AUTH_HEADER_<host> (the whole
/// Authorization header) and HTTP_AUTH_TOKEN_<host> (a bearer token). Thread-safe.
class HttpSource final : public Source {
 public:
  /// `secrets` may be null.
  HttpSource(cache::ContentStore& content, cache::RecordStore& records, std::string user_agent,
             SecretLookup secrets = nullptr);
  ~HttpSource() override;

  Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) override;
  cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task, std::stop_token stop) override;

  /// What Last-Modified says, in seconds since 1970; nullopt without it. Throws util::Error, Cancelled.
  std::optional<std::int64_t> last_modified(const llb::HttpSource& op, std::stop_token stop);

  /// A source for bytes that are in the content store already, such as an archive from standard input: it is answered
  /// without a request.
  llb::HttpSource adopt(const cache::BlobInfo& blob, const std::string& name);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace source
