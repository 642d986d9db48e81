#include "tools/builder/run_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "frontend/dockerfile/remote_source.h"
#include "tools/builder/usage_error.h"
#include "util/text.h"

namespace builder {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSecretForm = "form: id=NAME[,src=FILE|,env=VARIABLE]";
constexpr const char* kSshForm = "form: default, or ID=SOCKET, or ID=KEY[,KEY…]";
constexpr std::string_view kResources[] = {"memory",     "memory-swap", "cpu-shares", "cpu-period",
                                           "cpu-quota",  "cpuset-cpus", "cpuset-mems"};

std::pair<std::string, ops::SecretSource> parse_secret(const std::string& text) {
  std::string id, type;
  ops::SecretSource secret;
  for (const std::string& field : util::split(text, ',')) {
    const auto equals = field.find('=');
    const std::string name = field.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
    if (name == "id") {
      id = value;
    } else if (name == "src" || name == "source") {
      secret.location = value;
    } else if (name == "env") {
      secret.location = value;
      secret.from_environment = true;
    } else if (name == "type" && (value == "file" || value == "env")) {
      type = value;
    } else if (name == "type") {
      throw UsageError(fmt::format("--secret `{}`: unsupported type `{}`", text, value), "known types: file, env");
    } else {
      throw UsageError(fmt::format("--secret `{}`: `{}` is not understood", text, field), kSecretForm);
    }
  }
  if (id.empty()) throw UsageError(fmt::format("--secret `{}`: the id is missing", text), kSecretForm);
  if (type == "file" && secret.from_environment) {
    throw UsageError(fmt::format("--secret `{}`: type=file and env= exclude each other", text), kSecretForm);
  }
  if (type == "env") secret.from_environment = true;
  if (secret.location.empty()) {
    secret.location = id;
    if (type.empty()) secret.from_environment = std::getenv(id.c_str()) != nullptr;
  }
  return {id, secret};
}

/// A socket alone, or one or more key files.
ops::SshSource ssh_source(const std::string& flag, const std::vector<std::string>& paths) {
  ops::SshSource source;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) throw UsageError(fmt::format("--ssh `{}`: `{}` does not exist", flag, path), kSshForm);
    if (fs::is_socket(status)) {
      if (paths.size() > 1) throw UsageError(fmt::format("--ssh `{}`: an agent's socket stands alone", flag), kSshForm);
      source.socket = path;
    } else if (fs::is_regular_file(status)) {
      source.keys.push_back(util::SshKey::load(path));
    } else {
      throw UsageError(fmt::format("--ssh `{}`: `{}` is neither a socket nor a key file", flag, path), kSshForm);
    }
  }
  return source;
}

void add_ssh(ops::SecretStore& store, const std::string& flag) {
  const auto equals = flag.find('=');
  const std::string id = flag.substr(0, equals);
  std::string paths = equals == std::string::npos ? "" : flag.substr(equals + 1);
  if (id.empty()) throw UsageError(fmt::format("--ssh `{}`: the id is missing", flag), kSshForm);
  if (store.ssh_socket(id)) throw UsageError(fmt::format("--ssh `{}`: the id `{}` comes twice", flag, id));
  if (paths.empty()) {
    const char* agent = std::getenv("SSH_AUTH_SOCK");
    if (agent == nullptr || *agent == '\0') {
      throw UsageError(fmt::format("--ssh `{}`: no agent is running (SSH_AUTH_SOCK is not set)", flag),
                       "start one with ssh-agent, or give ID=SOCKET or ID=KEY");
    }
    paths = agent;
  }
  store.serve_ssh(id, ssh_source(flag, util::split(paths, ',')), fs::temp_directory_path());
}

/// A context that only who has a key can fetch.
bool is_ssh_repository(const std::string& context) {
  const auto url = dockerfile::parse_git_url(context, true);
  return url && !url->remote.starts_with("http") && !url->remote.starts_with("git://");
}

std::uint64_t number(const std::string& name, const std::string& value, std::uint64_t least) {
  std::uint64_t result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc() || end != value.data() + value.size() || result < least) {
    throw UsageError(fmt::format("--resource `{}={}`: must be a whole number, {} or more", name, value, least));
  }
  return result;
}

std::uint64_t bytes(const std::string& name, const std::string& value) {
  const auto size = util::parse_size(value);
  if (!size) throw UsageError(fmt::format("--resource `{}={}`: not a size", name, value), "for example 512m or 2g");
  return *size;
}

void set_resource(executor::ResourceLimits& limits, const std::string& name, const std::string& value) {
  constexpr std::uint64_t kLeastMicroseconds = 1000;  // the kernel's
  if (name == "memory") {
    limits.memory = bytes(name, value);
  } else if (name == "memory-swap") {
    limits.memory_swap = value == "-1" ? std::numeric_limits<std::uint64_t>::max() : bytes(name, value);
  } else if (name == "cpu-shares") {
    limits.cpu_shares = number(name, value, 2);
  } else if (name == "cpu-period") {
    limits.cpu_period = number(name, value, kLeastMicroseconds);
  } else if (name == "cpu-quota") {
    limits.cpu_quota = value == "-1" ? -1 : static_cast<std::int64_t>(number(name, value, kLeastMicroseconds));
  } else if (name == "cpuset-cpus" || name == "cpuset-mems") {
    if (value.empty() || value.find_first_not_of("0123456789,-") != std::string::npos) {
      throw UsageError(fmt::format("--resource `{}={}`: must be a list such as 0-2,4", name, value));
    }
    (name == "cpuset-cpus" ? limits.cpuset_cpus : limits.cpuset_mems) = value;
  } else {
    const std::vector<std::string> known(std::begin(kResources), std::end(kResources));
    const auto near = util::suggest(name, known);
    throw UsageError(fmt::format("--resource `{}={}`: unknown resource{}", name, value, near ? " (did you mean " + *near + "?)" : ""),
                     "known: " + util::join(known, ", "));
  }
}

}  // namespace

ops::SecretStore make_secret_store(const BuildOptions& options) {
  ops::SecretStore store;
  for (const std::string& text : options.secrets) {
    auto [id, source] = parse_secret(text);
    store.add(id, std::move(source));
  }
  for (const std::string& text : options.ssh) add_ssh(store, text);
  if (options.ssh.empty() && is_ssh_repository(options.context) && std::getenv("SSH_AUTH_SOCK") != nullptr) add_ssh(store, "default");
  return store;
}

executor::ResourceLimits make_resource_limits(const BuildOptions& options) {
  executor::ResourceLimits limits;
  for (const std::string& text : options.resources) {
    std::string name, value;
    // "cpuset-cpus=0,2,memory=1g": a field without a name goes on with the value before it.
    for (const std::string& field : util::split(text, ',')) {
      const auto equals = field.find('=');
      if (equals == std::string::npos && name.empty()) {
        throw UsageError(fmt::format("--resource `{}`: must be NAME=VALUE", text), "for example memory=512m");
      }
      if (equals == std::string::npos) {
        value += "," + field;
        continue;
      }
      if (!name.empty()) set_resource(limits, name, value);
      name = field.substr(0, equals);
      value = field.substr(equals + 1);
    }
    set_resource(limits, name, value);
  }
  if (limits.memory_swap && !limits.memory) {
    throw UsageError("--resource `memory-swap`: is the limit of memory and swap together, and that of memory is missing",
                     "give --resource memory=… too");
  }
  if (limits.memory_swap && *limits.memory_swap < *limits.memory) {
    throw UsageError("--resource `memory-swap`: is less than `memory`, which is part of it");
  }
  return limits;
}

ops::DevicePolicy make_device_policy(const BuildOptions& options) {
  ops::DevicePolicy policy;
  constexpr std::string_view kDevice = "device";
  for (const std::string& name : options.allow) {
    if (name == kDevice) policy.all = true;
    if (name.starts_with("device=")) policy.names.push_back(name.substr(kDevice.size() + 1));
  }
  return policy;
}

}  // namespace builder
