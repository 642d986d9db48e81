#include "oci/credential_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>

#include "oci/credential_key.h"
#include "oci/json_text.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/process.h"
#include "util/temp.h"
#include "util/text.h"

namespace oci {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxFile = std::size_t{4} << 20;
/// User name that stands for an identity token in a helper.
constexpr const char* kTokenUser = "<token>";

ordered_json read_config(const std::filesystem::path& path) {
  const std::string text = util::find_stat_at(AT_FDCWD, path) ? util::read_file(path, kMaxFile) : std::string();
  if (util::trim(text).empty()) return ordered_json::object();
  const std::string what = fmt::format("`{}`", path.string());
  nlohmann::json checked = parse_object(text, what);
  // Typed access says clearly what is wrong before anything is changed.
  JsonFields fields(checked, what);
  (void)fields.text("credsStore");
  (void)fields.text_map("credHelpers");
  (void)fields.object("auths");
  // The same once more, in the order in which it was written.
  return ordered_json::parse(text);
}

/// Changes the file while no other process does; written only if `change` says so.
void change_config(const std::filesystem::path& file, const std::function<bool(ordered_json&)>& change) {
  // A link stands for what it points at.
  const std::filesystem::path path = std::filesystem::weakly_canonical(std::filesystem::absolute(file));
  util::make_directories(path.parent_path());
  util::Fd directory = util::open_file(path.parent_path(), O_RDONLY | O_DIRECTORY);
  while (::flock(directory.get(), LOCK_EX) != 0) {
    if (errno != EINTR) util::throw_errno(fmt::format("lock `{}`", path.parent_path().string()));
  }
  ordered_json config = read_config(path);
  if (!change(config)) return;
  util::write_file_atomically(path, config.dump(1, '\t', false, ordered_json::error_handler_t::replace) + "\n", 0600);
}

std::string helper_for(const ordered_json& config, const std::vector<std::string>& keys) {
  std::map<std::string, std::string> helpers;
  if (auto found = config.find("credHelpers"); found != config.end() && found->is_object()) {
    // Null names none.
    for (const auto& [key, value] : found->items()) helpers[key] = value.is_string() ? value.get<std::string>() : "";
  }
  auto store = config.find("credsStore");
  const bool named = store != config.end() && store->is_string();
  return credential_helper(helpers, named ? store->get<std::string>() : std::string(), keys);
}

util::CaptureResult run_helper(const std::string& name, const char* action, const std::string& input) {
  if (name.find('/') != std::string::npos) throw util::Error(fmt::format("credential helper `{}`: invalid name", name));
  util::CommandOptions command;
  command.arguments = {"docker-credential-" + name, action};
  command.input = input;
  return util::run_command(command);
}

std::string said(const util::CaptureResult& result) {
  return std::string(util::trim(result.error.empty() ? result.output : result.error));
}

void store_in_helper(const std::string& name, const std::string& key, const Credential& credential) {
  const bool token = !credential.identity_token.empty();
  const nlohmann::json request = {{"ServerURL", key},
                                  {"Username", token ? kTokenUser : credential.user},
                                  {"Secret", token ? credential.identity_token : credential.password}};
  util::CaptureResult result = run_helper(name, "store", util::dump_json(request));
  if (result.status.success()) return;
  throw util::Error(fmt::format("credential helper `docker-credential-{}` does not store the credential of `{}`: {}", name,
                                key, said(result)),
                    "credsStore and credHelpers of docker's config.json name the helper");
}

bool erase_in_helper(const std::string& name, const std::string& key) {
  util::CaptureResult result = run_helper(name, "erase", key + "\n");
  if (result.status.success()) return true;
  if (util::to_lower(said(result)).find("not found") != std::string::npos) return false;
  throw util::Error(fmt::format("credential helper `docker-credential-{}` does not erase the credential of `{}`: {}", name,
                                key, said(result)));
}

ordered_json entry_of(const Credential& credential, bool in_helper) {
  ordered_json entry = ordered_json::object();
  if (in_helper) return entry;
  // With an identity token docker keeps the name alone beside it.
  entry["auth"] = util::base64_encode(credential.user + ":" + credential.password);
  if (!credential.identity_token.empty()) entry["identitytoken"] = credential.identity_token;
  return entry;
}

/// Removes every spelling of the registry; false if there was none.
bool erase_entries(ordered_json& config, const std::vector<std::string>& keys) {
  auto auths = config.find("auths");
  if (auths == config.end() || !auths->is_object()) return false;
  std::vector<std::string> found;
  for (const auto& item : auths->items()) {
    for (const std::string& key : keys) {
      if (credential_host(item.key()) == credential_host(key)) found.push_back(item.key());
    }
  }
  for (const std::string& key : found) auths->erase(key);
  return !found.empty();
}

}  // namespace

std::filesystem::path CredentialFile::default_path() {
  if (const char* config = std::getenv("DOCKER_CONFIG"); config != nullptr && *config != '\0') {
    return std::filesystem::path(config) / "config.json";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".docker/config.json";
  }
  throw util::Error("find docker's config.json: HOME is not set", "set HOME or DOCKER_CONFIG");
}

std::string CredentialFile::save(const std::string& host, const Credential& credential) const {
  return util::with_context(fmt::format("save the credential of `{}`", host), [&] {
    const std::vector<std::string> keys = credential_keys(host);
    std::string helper;
    change_config(path_, [&](ordered_json& config) {
      helper = helper_for(config, keys);
      if (!helper.empty()) store_in_helper(helper, keys.front(), credential);
      erase_entries(config, keys);
      if (!config.contains("auths") || !config["auths"].is_object()) config["auths"] = ordered_json::object();
      config["auths"][keys.front()] = entry_of(credential, !helper.empty());
      return true;
    });
    return helper;
  });
}

bool CredentialFile::erase(const std::string& host) const {
  return util::with_context(fmt::format("erase the credential of `{}`", host), [&] {
    const std::vector<std::string> keys = credential_keys(host);
    bool found = false;
    if (!util::find_stat_at(AT_FDCWD, path_)) return false;
    change_config(path_, [&](ordered_json& config) {
      const std::string helper = helper_for(config, keys);
      if (!helper.empty()) found = erase_in_helper(helper, keys.front());
      const bool changed = erase_entries(config, keys);
      found = found || changed;
      return changed;
    });
    return found;
  });
}

}  // namespace oci
