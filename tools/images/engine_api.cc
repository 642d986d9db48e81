// Engine by the Docker Engine API, which podman's service speaks, too.
#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/images/engine.h"
#include "util/error.h"
#include "util/http.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
/// The engine unpacks what it got before it answers.
constexpr std::chrono::seconds kLongestWork{600};
constexpr int kOk = 200, kCreated = 201, kNotFound = 404;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

/// Where docker's client keeps ca.pem, cert.pem and key.pem.
std::filesystem::path certificate_directory() {
  for (const char* variable : {"DOCKER_CERT_PATH", "DOCKER_CONFIG"}) {
    if (is_set(variable)) return std::getenv(variable);
  }
  return std::filesystem::path(is_set("HOME") ? std::getenv("HOME") : "/") / ".docker";
}

/// "host" → "host:2376", the engine's port.
std::string with_port(std::string host, bool tls) {
  while (host.ends_with('/')) host.pop_back();
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  return has_port ? host : host + (tls ? ":2376" : ":2375");
}

/// {"message":"…"} of a failed request, or what came instead.
std::string message_of(const util::HttpResponse& response) {
  const nlohmann::json value = nlohmann::json::parse(response.body, nullptr, false);
  if (value.is_object() && value.contains("message") && value["message"].is_string()) return value["message"].get<std::string>();
  return fmt::format("status {}", response.status);
}

/// The answer to a load is a line of JSON for each thing that happened; one of them may be an error.
void throw_reported_error(const std::string& body) {
  for (const std::string& line : util::split(body, '\n')) {
    const nlohmann::json value = nlohmann::json::parse(line, nullptr, false);
    if (!value.is_object() || !value.contains("error")) continue;
    throw util::Error(value["error"].is_string() ? value["error"].get<std::string>() : "it does not say why");
  }
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-._~").find(c) != std::string_view::npos;
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

class ApiEngine final : public Engine {
 public:
  explicit ApiEngine(const std::string& address) : address_(address) {
    if (address.starts_with(kUnix)) {
      socket_ = address.substr(kUnix.size());
      base_ = "http://localhost";
    } else if (address.starts_with(kTcp)) {
      verify_ = is_set("DOCKER_TLS_VERIFY");
      const bool tls = verify_ || is_set("DOCKER_TLS");
      base_ = (tls ? "https://" : "http://") + with_port(address.substr(kTcp.size()), tls);
      if (tls) certificates_ = certificate_directory();
    } else {
      throw util::Error(fmt::format("engine at `{}`: unknown kind of address", address), "set DOCKER_HOST to unix://PATH or tcp://HOST:PORT");
    }
  }

  std::string name() const override { return "the engine at " + address_; }

  bool has(const util::Digest& id, std::stop_token stop) override {
    const util::HttpResponse response = send("GET", "/images/" + id.to_string() + "/json", nullptr, stop);
    if (response.status == kNotFound) return false;
    if (response.status != kOk) refuse("look for image", response);
    return true;
  }

  void tag(const util::Digest& id, const oci::Reference& name, std::stop_token stop) override {
    const util::HttpResponse response =
        send("POST", fmt::format("/images/{}/tag?repo={}&tag={}", id.to_string(), escape(name.name()), escape(name.tag)), nullptr, stop);
    if (response.status != kCreated) refuse(fmt::format("name image `{}`", name.familiar()), response);
  }

  void load(util::PipedReader& archive, std::stop_token stop) override {
    const util::HttpResponse response = send("POST", "/images/load?quiet=1", &archive, stop);
    if (response.status != kOk) refuse("load image", response);
    util::with_context(fmt::format("load image into {}", name()), [&] { throw_reported_error(response.body); });
  }

 private:
  util::HttpResponse send(const char* method, const std::string& path, util::PipedReader* body, const std::stop_token& stop) {
    util::HttpRequest request;
    request.method = method;
    request.url = base_ + path;
    request.unix_socket = socket_;
    request.stall_timeout = kLongestWork;
    if (body != nullptr) {
      request.headers.emplace_back("Content-Type", "application/x-tar");
      request.body_reader = body;
      request.body_size = util::HttpRequest::kUnknownSize;
    }
    if (!certificates_.empty()) {
      request.verify_tls = verify_;
      if (verify_) request.ca_file = certificates_ / "ca.pem";
      if (std::filesystem::exists(certificates_ / "cert.pem")) {
        request.client_cert = certificates_ / "cert.pem";
        request.client_key = certificates_ / "key.pem";
      }
    }
    const char* doing = body != nullptr ? "load image into" : "speak to";
    return util::with_context(fmt::format("{} {}", doing, name()), [&] { return http_.perform(request, nullptr, stop); });
  }

  [[noreturn]] void refuse(const std::string& what, const util::HttpResponse& response) const {
    throw util::Error(fmt::format("{} in {}: {}", what, name(), message_of(response)));
  }

  std::string address_;
  std::string socket_;
  std::string base_;
  std::filesystem::path certificates_;
  bool verify_ = false;
  util::HttpClient http_{"builder/" BUILDER_VERSION};
};

}  // namespace

std::unique_ptr<Engine> make_api_engine(const std::string& address) { return std::make_unique<ApiEngine>(address); }

}  // namespace builder
