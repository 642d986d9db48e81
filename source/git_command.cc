#include "source/git_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "util/error.h"
#include "util/http.h"
#include "util/process.h"
#include "util/text.h"

namespace source {
namespace {

constexpr std::size_t kShownLines = 3;

/// Variables of the caller that say how the network is reached, or where programs and certificates are.
constexpr const char* kPassedOn[] = {"PATH",        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",      "ALL_PROXY",  "http_proxy",
                                     "https_proxy", "no_proxy",   "all_proxy",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

bool is_http(std::string_view remote) {
  return remote.starts_with("http://") || remote.starts_with("https://");
}

/// "https://user@host:1/x" -> "host:1".
std::string host_of(const std::string& remote) {
  const std::string url = util::display_url(remote);
  const auto begin = url.find("://") + 3;
  return url.substr(begin, url.find_first_of("/?#", begin) - begin);
}

/// user:password@ of a URL; empty when it has none.
std::string user_information(const std::string& url) {
  const auto begin = url.find("://") + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto at = url.rfind('@', end);
  return at == std::string::npos || at < begin ? std::string() : url.substr(begin, at - begin);
}

std::string base64(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) result += i + k <= text.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

/// What git and ssh always say, whatever the cause.
constexpr std::string_view kNoise[] = {"hint:", "Warning: Permanently added", "Please make sure you have the correct access rights",
                                       "and the repository exists."};

std::string last_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string& line : util::split(text, '\n')) {
    const std::string_view trimmed = util::trim(line);
    const bool noise = std::any_of(std::begin(kNoise), std::end(kNoise), [&](std::string_view begin) { return trimmed.starts_with(begin); });
    if (!trimmed.empty() && !noise) lines.emplace_back(trimmed);
  }
  if (lines.size() > kShownLines) lines.erase(lines.begin(), lines.end() - kShownLines);
  return util::join(lines, "; ");
}

/// What to do about what git said.
std::string hint_for(const std::string& error) {
  if (error.find("Permission denied (publickey") != std::string::npos) {
    return "give an agent or a key that the server knows: --ssh default, or --ssh default=KEY";
  }
  if (error.find("could not read Username") != std::string::npos || error.find("Authentication failed") != std::string::npos) {
    return "give a token: --secret id=GIT_AUTH_TOKEN,src=FILE";
  }
  return {};
}

}  // namespace

GitCommand::GitCommand(const std::string& remote, const SecretLookup& secrets, const std::string& ssh_agent,
                       const std::filesystem::path& known_hosts)
    : shown_(is_http(remote) ? util::display_url(remote) : remote) {
  for (const char* name : kPassedOn) {
    if (const char* value = std::getenv(name)) environment_.push_back(std::string(name) + "=" + value);
  }
  for (const char* fixed :
       {"HOME=/dev/null", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
        "GIT_ASKPASS=", "SSH_ASKPASS=", "GIT_ALLOW_PROTOCOL=http:https:git:ssh", "GIT_LFS_SKIP_SMUDGE=1",
        "GIT_ATTR_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0"}) {
    environment_.emplace_back(fixed);
  }
  // A host that is not known yet is believed once, and must be the same ever after.
  environment_.push_back(
      fmt::format("GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes -o IdentityFile=none "
                  "-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile='{}'",
                  known_hosts.string()));
  if (!ssh_agent.empty()) environment_.push_back("SSH_AUTH_SOCK=" + ssh_agent);
  set("core.hooksPath", "/dev/null");
  set("core.fsmonitor", "false");
  set("gc.auto", "0");
  set("maintenance.auto", "false");
  set("advice.detachedHead", "false");
  set("init.defaultBranch", "master");
  set("safe.directory", "*");
  add_credentials(remote, secrets);
  environment_.push_back(fmt::format("GIT_CONFIG_COUNT={}", config_.size()));
  for (std::size_t i = 0; i < config_.size(); ++i) {
    environment_.push_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, config_[i].first));
    environment_.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, config_[i].second));
  }
}

void GitCommand::add_credentials(const std::string& remote, const SecretLookup& secrets) {
  if (!is_http(remote)) return;
  if (const std::string user = user_information(remote); !user.empty()) {
    hidden_.push_back(user + "@");
    set("url." + remote + ".insteadOf", shown_);
    return;
  }
  if (!secrets) return;
  const std::string host = host_of(remote), name = host.substr(0, host.find(':'));
  for (const std::string& suffix : {"." + host, "." + name, std::string()}) {
    std::string header;
    if (const auto value = secrets("GIT_AUTH_HEADER" + suffix)) {
      header = util::trim(*value);
    } else if (const auto token = secrets("GIT_AUTH_TOKEN" + suffix)) {
      header = "basic " + base64("x-access-token:" + std::string(util::trim(*token)));
      hidden_.emplace_back(util::trim(*token));
    }
    if (header.empty()) continue;
    hidden_.push_back(header);
    // Only where the repository is: submodules may be elsewhere.
    const std::string origin = shown_.substr(0, shown_.find(host) + host.size()) + "/";
    set("http." + origin + ".extraHeader", "Authorization: " + header);
    return;
  }
}

std::string GitCommand::without_secrets(std::string text) const {
  for (const std::string& secret : hidden_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) text.erase(at, secret.size());
  }
  return text;
}

GitCommand::Outcome GitCommand::try_run(const std::vector<std::string>& arguments,
                                        const std::filesystem::path& directory, std::stop_token stop) const {
  util::CommandOptions options;
  options.arguments = {"git"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = environment_;
  options.working_directory = directory.string();
  util::CaptureResult result;
  try {
    result = util::run_command(options, std::move(stop));
  } catch (const util::Cancelled&) {
    throw;
  } catch (util::Error& error) {
    error.set_hint("git repositories are read with the program `git`: is it installed?");
    throw;
  }
  return {result.status.success(), std::move(result.output), without_secrets(last_lines(result.error))};
}

std::string GitCommand::run(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                            std::stop_token stop) const {
  Outcome outcome = try_run(arguments, directory, std::move(stop));
  if (!outcome.success) {
    throw util::Error(fmt::format("git {}: {}", arguments.front(), outcome.error), hint_for(outcome.error));
  }
  return std::move(outcome.output);
}

}  // namespace source
