#include "oci/registry_auth.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "oci/credential_key.h"
#include "oci/json_text.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/process.h"
#include "util/text.h"

namespace oci {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::chrono::minutes kHelperLifetime{5};
constexpr size_t kMaxFile = 4u << 20;

struct AuthFile {
  std::filesystem::path path;
  json value;
};

std::vector<std::filesystem::path> default_files() {
  std::vector<std::filesystem::path> files;
  const char* config = std::getenv("DOCKER_CONFIG");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config != '\0') {
    files.push_back(std::filesystem::path(config) / "config.json");
  } else if (home != nullptr && *home != '\0') {
    files.push_back(std::filesystem::path(home) / ".docker/config.json");
  }
  if (const char* file = std::getenv("REGISTRY_AUTH_FILE"); file != nullptr && *file != '\0') files.emplace_back(file);
  if (const char* run = std::getenv("XDG_RUNTIME_DIR"); run != nullptr && *run != '\0') {
    files.push_back(std::filesystem::path(run) / "containers/auth.json");
  }
  return files;
}

const json* find_auth(const json& auths, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (auto found = auths.find(key); found != auths.end()) return &*found;
  }
  for (const auto& item : auths.items()) {
    for (const std::string& key : keys) {
      if (credential_host(item.key()) == credential_host(key)) return &item.value();
    }
  }
  return nullptr;
}

std::optional<Credential> credential_of(const JsonFields& entry) {
  Credential credential;
  credential.user = entry.text("username");
  credential.password = entry.text("password");
  credential.identity_token = entry.text("identitytoken");
  credential.registry_token = entry.text("registrytoken");
  if (std::string auth = entry.text("auth"); !auth.empty()) {
    auto decoded = util::base64_decode(auth);
    size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) entry.refuse("auth", "must be the base64 form of `user:password`");
    credential.user = decoded->substr(0, colon);
    credential.password = decoded->substr(colon + 1);
    // Docker pads what it writes with NUL bytes.
    while (!credential.password.empty() && credential.password.back() == '\0') credential.password.pop_back();
  }
  bool empty = credential.user.empty() && credential.identity_token.empty() && credential.registry_token.empty();
  if (empty) return std::nullopt;
  return credential;
}

/// Asks `docker-credential-NAME get`; nullopt when it has nothing for that key.
std::optional<Credential> ask_helper(const std::string& name, const std::string& key) {
  if (name.find('/') != std::string::npos) throw util::Error(fmt::format("credential helper `{}`: invalid name", name));
  util::CommandOptions command;
  command.arguments = {"docker-credential-" + name, "get"};
  command.input = key + "\n";
  util::CaptureResult result;
  try {
    result = util::run_command(command);
  } catch (const util::Error& error) {
    // A configuration copied from another machine may name a helper that is not here; public images need none.
    util::log_warning(fmt::format("credential helper `docker-credential-{}`: {}", name, error.message()));
    return std::nullopt;
  }
  if (!result.status.success()) {
    std::string text = util::to_lower(result.output + result.error);
    if (text.find("not found") != std::string::npos) return std::nullopt;
    throw util::Error(fmt::format("credential helper `docker-credential-{}` failed for `{}`: {}", name, key,
                                  util::trim(result.error.empty() ? result.output : result.error)));
  }
  json value = parse_object(result.output, fmt::format("answer of `docker-credential-{}`", name));
  JsonFields fields(value, fmt::format("answer of `docker-credential-{}`", name));
  Credential credential;
  credential.user = fields.text("Username");
  credential.password = fields.text("Secret");
  if (credential.user == "<token>") {
    credential.identity_token = std::move(credential.password);
    credential.user.clear();
    credential.password.clear();
  }
  if (credential.user.empty() && credential.identity_token.empty()) return std::nullopt;
  return credential;
}

std::optional<Credential> find_in(const AuthFile& file, const std::vector<std::string>& keys) {
  JsonFields fields(file.value, fmt::format("`{}`", file.path.string()));
  std::string helper = credential_helper(fields.text_map("credHelpers"), fields.text("credsStore"), keys);
  if (!helper.empty()) {
    if (auto credential = ask_helper(helper, keys.front())) return credential;
  }
  const json& auths = fields.member("auths");
  if (!auths.is_object()) return std::nullopt;
  const json* entry = find_auth(auths, keys);
  if (entry == nullptr) return std::nullopt;
  return credential_of(JsonFields(*entry, fmt::format("`{}`: auths", file.path.string())));
}

}  // namespace

struct CredentialStore::State {
  struct Answer {
    std::optional<Credential> credential;
    Clock::time_point time;
  };

  explicit State(std::optional<std::vector<std::filesystem::path>> paths) : paths_(std::move(paths)) {}
  explicit State(Credential credential) : only_(std::move(credential)) {}

  std::optional<Credential> find(const std::string& host) {
    if (only_) return only_;
    // Held while a helper runs too: it may ask the user, once.
    std::lock_guard lock(mutex_);
    load();
    auto known = answers_.find(host);
    if (known != answers_.end() && Clock::now() - known->second.time < kHelperLifetime) return known->second.credential;
    std::optional<Credential> credential;
    for (const AuthFile& file : files_) {
      credential = find_in(file, credential_keys(host));
      if (credential) break;
    }
    answers_[host] = {credential, Clock::now()};
    return credential;
  }

 private:
  void load() {
    if (loaded_) return;
    for (const auto& path : paths_ ? *paths_ : default_files()) {
      util::with_context("read registry credentials", [&] {
        if (!util::find_stat_at(AT_FDCWD, path)) return;
        std::string text = util::read_file(path, kMaxFile);
        if (util::trim(text).empty()) return;
        files_.push_back({path, parse_object(text, fmt::format("`{}`", path.string()))});
      });
    }
    loaded_ = true;
  }

  const std::optional<std::vector<std::filesystem::path>> paths_;
  const std::optional<Credential> only_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::vector<AuthFile> files_;
  std::map<std::string, Answer> answers_;
};

CredentialStore::CredentialStore() : state_(std::make_unique<State>(std::nullopt)) {}
CredentialStore::CredentialStore(std::vector<std::filesystem::path> files)
    : state_(std::make_unique<State>(std::move(files))) {}
CredentialStore::CredentialStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
CredentialStore CredentialStore::of(Credential credential) {
  return CredentialStore(std::make_unique<State>(std::move(credential)));
}
CredentialStore::CredentialStore(CredentialStore&&) noexcept = default;
CredentialStore::~CredentialStore() = default;

std::optional<Credential> CredentialStore::find(const std::string& host) {
  return state_->find(host);
}

namespace {

/// Reads the grammar of RFC 9110 section 11.6.1, loosely.
class ChallengeScanner {
 public:
  explicit ChallengeScanner(std::string_view text) : text_(text) {}

  std::vector<AuthChallenge> all() {
    std::vector<AuthChallenge> challenges;
    while (skip_separators(), !text_.empty()) {
      std::string word = token();
      if (word.empty()) {
        text_.remove_prefix(1);
        continue;
      }
      std::string_view after = text_;
      skip_blanks();
      if (!text_.empty() && text_.front() == '=' && !challenges.empty()) {
        text_.remove_prefix(1);
        set(challenges.back(), util::to_lower(word), value());
      } else {
        text_ = after;
        challenges.push_back({.scheme = util::to_lower(word), .realm = {}, .service = {}, .scope = {}, .error = {}});
      }
    }
    return challenges;
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  void skip_separators() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t' || text_.front() == ','))
      text_.remove_prefix(1);
  }
  std::string token() {
    size_t end = text_.find_first_of(" \t,=\"");
    std::string word(text_.substr(0, end));
    text_.remove_prefix(word.size());
    return word;
  }
  std::string value() {
    skip_blanks();
    if (text_.empty() || text_.front() != '"') {
      std::string word(text_.substr(0, text_.find_first_of(" \t,")));
      text_.remove_prefix(word.size());
      return word;
    }
    text_.remove_prefix(1);
    std::string word;
    while (!text_.empty() && text_.front() != '"') {
      if (text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
      word += text_.front();
      text_.remove_prefix(1);
    }
    if (!text_.empty()) text_.remove_prefix(1);
    return word;
  }
  static void set(AuthChallenge& challenge, const std::string& name, std::string value) {
    if (name == "realm") challenge.realm = std::move(value);
    if (name == "service") challenge.service = std::move(value);
    if (name == "scope") challenge.scope = std::move(value);
    if (name == "error") challenge.error = std::move(value);
  }

  std::string_view text_;
};

}  // namespace

std::vector<AuthChallenge> parse_challenges(const std::string& header) {
  return ChallengeScanner(header).all();
}

}  // namespace oci
