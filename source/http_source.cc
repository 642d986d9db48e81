#include "source/http_source.h"

#include <fmt/format.h>

#include <chrono>
#include <map>

#include "cache/tree.h"
#include "oci/registry_session.h"
#include "source/http_facts.h"
#include "util/error.h"
#include "util/http.h"
#include "util/stats.h"
#include "util/sync.h"
#include "util/text.h"

namespace source {
namespace {

constexpr std::uint32_t kDefaultMode = 0600;
constexpr std::chrono::milliseconds kRetryDelay{200};
constexpr std::uint64_t kReportEvery = 1 << 20;

/// One file at the top, whose bytes are in the content store.
class FileTree final : public cache::Tree {
 public:
  FileTree(cache::ContentStore& content, oci::LayerEntry file) : content_(content), file_(std::move(file)) {
    root_.type = util::FileType::directory;
    root_.mode = 0755;
    root_.mtime = file_.mtime;
  }

  std::optional<oci::LayerEntry> find(const std::string& path) const override {
    if (path.empty()) return root_;
    return path == file_.path ? std::optional(file_) : std::nullopt;
  }
  std::vector<std::string> list(const std::string& path) const override {
    if (path.empty()) return {file_.path};
    throw util::Error(fmt::format("read directory `{}`: not a directory", path));
  }
  std::unique_ptr<util::Reader> open(const std::string& path) const override {
    require(path);
    return content_.open(file_.content);
  }
  util::Digest content_digest(const std::string& path, const std::stop_token& = {}) const override {
    require(path);
    return file_.content;
  }
  std::string place() const override { return "download `" + file_.path + "`"; }

 private:
  void require(const std::string& path) const {
    if (path != file_.path) throw util::Error(fmt::format("read `{}`: no such file or directory", path));
  }

  cache::ContentStore& content_;
  oci::LayerEntry file_, root_;
};

/// Passes bytes on and tells the display how many came.
class ReportingWriter final : public util::Writer {
 public:
  ReportingWriter(util::Writer& next, util::ProgressTask* task, std::string name)
      : next_(next), task_(task), name_(std::move(name)) {}
  void write(util::Bytes data) override {
    next_.write(data);
    count_ += data.size();
    if (count_ - reported_ >= kReportEvery) report(false);
  }
  void report(bool complete) {
    reported_ = count_;
    const auto count = static_cast<std::int64_t>(count_);
    if (task_ != nullptr) task_->bytes(name_, count, complete ? count : 0, complete);
  }

 private:
  util::Writer& next_;
  util::ProgressTask* task_;
  std::string name_;
  std::uint64_t count_ = 0, reported_ = 0;
};

/// "user@host:8080" of a URL -> "host:8080" and "host".
std::vector<std::string> host_names(const std::string& url) {
  const std::string shown = util::display_url(url);
  const auto scheme = shown.find("://");
  if (scheme == std::string::npos) return {};
  const auto end = shown.find_first_of("/?#", scheme + 3);
  std::string host = shown.substr(scheme + 3, end == std::string::npos ? end : end - scheme - 3);
  std::vector<std::string> names{host};
  const auto colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) names.push_back(host.substr(0, colon));
  return names;
}

/// The text of one line; a file that holds a secret usually ends with a line break.
std::string header_value(const std::string& id, const std::string& secret) {
  std::string value(util::trim(secret));
  if (value.find_first_of("\r\n\0", 0, 3) != std::string::npos) {
    throw util::Error("use secret `" + id + "`: it has more than one line");
  }
  return value;
}

std::string status_hint(int status, const std::string& url) {
  if (status != 401 && status != 403) return {};
  const std::vector<std::string> names = host_names(url);
  return fmt::format("credentials can be given as a secret: --secret id=HTTP_AUTH_TOKEN_{},src=FILE",
                     names.empty() ? "HOST" : names[0]);
}

}  // namespace

struct HttpSource::State {
  /// What a URL turned out to be in this build: asked for once, however many steps use it.
  struct Slot {
    util::Sync<std::optional<HttpFact>> fact{};
  };

  cache::ContentStore& content;
  cache::RecordStore& records;
  SecretLookup secrets;
  util::HttpClient client;
  util::Sync<std::map<std::string, std::shared_ptr<Slot>>> slots{};

  HttpFact load(const llb::HttpSource& op, util::ProgressTask* task, const std::stop_token& stop);
  HttpFact load_once(const llb::HttpSource& op, util::ProgressTask* task, const std::stop_token& stop);
  HttpFact download(const llb::HttpSource& op, const std::optional<HttpFact>& known, util::ProgressTask* task,
                    const std::stop_token& stop);
  std::optional<HttpFact> try_download(const llb::HttpSource& op, const std::optional<HttpFact>& known,
                                       oci::RetryPolicy& retry, util::ProgressTask* task, const std::stop_token& stop);
  util::HttpRequest request(const std::string& method, const std::string& url, const std::optional<HttpFact>& known);
  bool is_unchanged(const std::string& url, const HttpFact& known, const std::stop_token& stop);
};

HttpFact HttpSource::State::load_once(const llb::HttpSource& op, util::ProgressTask* task,
                                      const std::stop_token& stop) {
  std::shared_ptr<Slot> slot;
  {
    auto all = slots.lock();
    std::shared_ptr<Slot>& found = (*all)[op.url + '\n' + op.checksum.to_string()];
    if (!found) found = std::make_shared<Slot>();
    slot = found;
  }
  auto fact = slot->fact.lock();
  if (!*fact) {
    *fact = util::with_context(fmt::format("download `{}`", util::display_url(op.url)),
                               [&] { return load(op, task, stop); });
  }
  return **fact;
}

HttpFact HttpSource::State::load(const llb::HttpSource& op, util::ProgressTask* task, const std::stop_token& stop) {
  std::optional<HttpFact> known = find_http_fact(records, op.url);
  if (known && !content.contains(known->digest)) known.reset();
  if (op.checksum) {
    if (known && known->digest == op.checksum) return *known;
    known.reset();
  }
  if (known && !known->can_be_validated()) known.reset();
  if (known && is_unchanged(op.url, *known, stop)) return *known;
  return download(op, known, task, stop);
}

util::HttpRequest HttpSource::State::request(const std::string& method, const std::string& url,
                                             const std::optional<HttpFact>& known) {
  util::HttpRequest request;
  request.method = method;
  request.url = url;
  if (known && !known->etag.empty()) {
    request.headers.emplace_back("If-None-Match", known->etag);
  } else if (known) {
    request.headers.emplace_back("If-Modified-Since", known->last_modified);
  }
  if (!secrets) return request;
  for (const std::string& host : host_names(url)) {
    const std::string header = "HTTP_AUTH_HEADER_" + host, token = "HTTP_AUTH_TOKEN_" + host;
    if (const auto value = secrets(header)) {
      request.headers.emplace_back("Authorization", header_value(header, *value));
      return request;
    }
    if (const auto value = secrets(token)) {
      request.headers.emplace_back("Authorization", "Bearer " + header_value(token, *value));
      return request;
    }
  }
  return request;
}

/// A server that does not like HEAD is asked with GET.
bool HttpSource::State::is_unchanged(const std::string& url, const HttpFact& known, const std::stop_token& stop) {
  try {
    return known.confirmed_by(client.perform(request("HEAD", url, known), nullptr, stop));
  } catch (const util::HttpError&) {
    return false;
  }
}

/// Like a registry's answers: what may be different the next time is asked for again, from the beginning.
HttpFact HttpSource::State::download(const llb::HttpSource& op, const std::optional<HttpFact>& known,
                                     util::ProgressTask* task, const std::stop_token& stop) {
  oci::RetryPolicy retry(kRetryDelay, stop);
  for (;;) {
    try {
      if (std::optional<HttpFact> fact = try_download(op, known, retry, task, stop)) return *fact;
    } catch (const util::HttpError& fault) {
      if (!retry.after(fault)) throw;
    }
  }
}

/// nullopt: try again.
std::optional<HttpFact> HttpSource::State::try_download(const llb::HttpSource& op, const std::optional<HttpFact>& known,
                                                        oci::RetryPolicy& retry, util::ProgressTask* task,
                                                        const std::stop_token& stop) {
  static util::Counter& count = util::counter("http.downloads");
  cache::BlobWriter blob = content.create();
  util::HashingWriter hash(blob);
  ReportingWriter sink(hash, task, op.filename);
  const util::HttpResponse response = client.perform(request("GET", op.url, known), &sink, stop);
  if (known && response.status == 304 && known->confirmed_by(response)) return *known;
  if (response.status < 200 || response.status > 299) {
    if (retry.after(response)) return std::nullopt;
    throw util::Error(fmt::format("the server answered with status {}", response.status),
                      status_hint(response.status, op.url));
  }
  count.add();
  HttpFact fact{hash.digest(), response.header("etag").value_or(""), response.header("last-modified").value_or("")};
  if (op.checksum && fact.digest != op.checksum) {
    throw util::Error(fmt::format("digest mismatch: the content is {}, demanded is {}", fact.digest.to_string(),
                                  op.checksum.to_string()));
  }
  blob.commit();
  sink.report(true);
  save_http_fact(records, op.url, fact);
  return fact;
}

HttpSource::HttpSource(cache::ContentStore& content, cache::RecordStore& records, std::string user_agent,
                       SecretLookup secrets)
    : state_(new State{content, records, std::move(secrets), util::HttpClient(std::move(user_agent))}) {}
HttpSource::~HttpSource() = default;

Pin HttpSource::pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) {
  const auto& http = std::get<llb::HttpSource>(op);
  const HttpFact fact = state_->load_once(http, task, stop);
  return {fact.digest, util::display_url(http.url)};
}

cache::Result HttpSource::fetch(const llb::SourceOp& op, const Pin&, util::ProgressTask* task, std::stop_token stop) {
  const auto& http = std::get<llb::HttpSource>(op);
  const HttpFact fact = state_->load_once(http, task, stop);
  const std::optional<cache::BlobInfo> blob = state_->content.find(fact.digest);
  if (!blob) throw util::Error(fmt::format("read `{}`: it is gone from the store", util::display_url(http.url)));
  oci::LayerEntry file;
  file.path = http.filename;
  file.mode = http.mode.value_or(kDefaultMode);
  file.uid = http.uid;
  file.gid = http.gid;
  file.size = blob->size;
  file.mtime = fact.mtime();
  file.content = fact.digest;
  cache::Result result;
  result.tree = std::make_shared<FileTree>(state_->content, std::move(file));
  return result;
}

std::optional<std::int64_t> HttpSource::last_modified(const llb::HttpSource& op, std::stop_token stop) {
  return parse_http_date(state_->load_once(op, nullptr, stop).last_modified);
}

llb::HttpSource HttpSource::adopt(const cache::BlobInfo& blob, const std::string& name) {
  llb::HttpSource source;
  source.url = "builder:" + blob.digest.to_string();
  source.checksum = blob.digest;
  source.filename = name;
  save_http_fact(state_->records, source.url, {blob.digest, {}, {}});
  return source;
}

}  // namespace source
