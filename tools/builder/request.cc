#include "tools/builder/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tools/builder/usage_error.h"
#include "util/text.h"

namespace builder {
namespace {

/// "k=v" -> {k, v}; no '=' -> nullopt value.
std::pair<std::string, std::optional<std::string>> key_value(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::map<std::string, std::string> build_args(const BuildOptions& options) {
  std::map<std::string, std::string> args;
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) args["SOURCE_DATE_EPOCH"] = epoch;
  for (const std::string& text : options.build_args) {
    auto [name, value] = key_value(text);
    if (name.empty()) throw UsageError(fmt::format("--build-arg `{}`: the name is missing", text));
    if (value) {
      args[name] = *value;
    } else if (const char* inherited = std::getenv(name.c_str())) {
      args[name] = inherited;
    }
  }
  return args;
}

/// Whether a build argument is given and one of Go's words for true.
bool is_true(const std::map<std::string, std::string>& args, const std::string& name) {
  const auto found = args.find(name);
  if (found == args.end()) return false;
  const std::string& value = found->second;
  return value == "1" || value == "t" || value == "T" || value == "true" || value == "TRUE" || value == "True";
}

std::vector<oci::Platform> platforms(const BuildOptions& options) {
  std::vector<oci::Platform> result;
  for (const std::string& list : options.platforms) {
    for (const std::string& text : util::split(list, ',')) {
      if (!util::trim(text).empty()) result.push_back(oci::Platform::parse(util::trim(text)));
    }
  }
  if (result.empty()) result.push_back(oci::Platform::local());
  return result;
}

std::vector<llb::HostEntry> extra_hosts(const BuildOptions& options) {
  std::vector<llb::HostEntry> hosts;
  for (const std::string& text : options.add_hosts) {
    const auto equals = text.find('=');
    const auto separator = equals != std::string::npos ? equals : text.find(':');
    if (separator == std::string::npos || separator == 0 || separator + 1 == text.size()) {
      throw UsageError(fmt::format("--add-host `{}`: must be HOST:IP", text));
    }
    std::string ip = text.substr(separator + 1);
    if (ip.size() > 2 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
    hosts.push_back({text.substr(0, separator), ip});
  }
  return hosts;
}

std::int64_t limit_number(const std::string& text, const std::string& whole) {
  if (text == "unlimited" || text == "-1") return -1;
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 0) {
    throw UsageError(fmt::format("--ulimit `{}`: must be NAME=SOFT[:HARD]", whole));
  }
  return value;
}

std::vector<llb::Ulimit> ulimits(const BuildOptions& options) {
  std::vector<llb::Ulimit> result;
  for (const std::string& text : options.ulimits) {
    auto [name, value] = key_value(text);
    if (name.empty() || !value) throw UsageError(fmt::format("--ulimit `{}`: must be NAME=SOFT[:HARD]", text));
    const auto colon = value->find(':');
    const std::int64_t soft = limit_number(value->substr(0, colon), text);
    const std::int64_t hard = colon == std::string::npos ? soft : limit_number(value->substr(colon + 1), text);
    if (hard != -1 && (soft == -1 || soft > hard)) {
      throw UsageError(fmt::format("--ulimit `{}`: the soft limit is above the hard limit", text));
    }
    result.push_back({name, soft, hard});
  }
  return result;
}

llb::NetworkMode network(const std::string& text) {
  if (text.empty() || text == "default") return llb::NetworkMode::unset;
  if (text == "host") return llb::NetworkMode::host;
  if (text == "none") return llb::NetworkMode::none;
  throw UsageError(fmt::format("--network `{}`: unknown mode", text), "known modes: default, host, none");
}

std::uint64_t size_flag(const char* flag, const std::string& text) {
  if (text.empty()) return 0;
  const auto size = util::parse_size(text);
  if (!size) throw UsageError(fmt::format("{} `{}`: not a size", flag, text), "for example 64m or 1g");
  return *size;
}

}  // namespace

dockerfile::FrontendRequest make_frontend_request(const BuildOptions& options, const BuildContext& context) {
  dockerfile::FrontendRequest request;
  request.build_args = build_args(options);
  request.target = options.target;
  request.platforms = platforms(options);
  request.implicit_platform = options.platforms.empty();
  request.multi_platform = request.platforms.size() > 1 || is_true(request.build_args, "BUILDKIT_MULTI_PLATFORM");
  for (const std::string& text : options.labels) {
    auto [name, value] = key_value(text);
    request.labels[name] = value.value_or("");
  }
  request.named_contexts = open_named_contexts(options.build_contexts);
  request.context = context.vertex;
  request.ignore_patterns = context.ignore_patterns;
  request.no_cache = options.no_cache;
  request.no_cache_filter = options.no_cache_filter;
  request.network = network(options.network);
  for (const std::string& name : options.allow) {
    if (name == "security.insecure") {
      request.allow_insecure = true;
    } else if (name != "network.host" && name != "device" && !name.starts_with("device=") && name != "buildx.local.delete") {
      throw UsageError(fmt::format("--allow `{}`: unknown entitlement", name),
                       "known: network.host, security.insecure, device[=NAME]");
    }
  }
  request.extra_hosts = extra_hosts(options);
  request.ulimits = ulimits(options);
  request.shm_size = size_flag("--shm-size", options.shm_size);
  request.cgroup_parent = options.cgroup_parent;
  if (const auto found = request.build_args.find("BUILDKIT_SANDBOX_HOSTNAME"); found != request.build_args.end()) {
    request.hostname = found->second;
  }
  return request;
}

std::vector<oci::Reference> parse_tags(const BuildOptions& options) {
  std::vector<oci::Reference> names;
  for (const std::string& text : options.tags) {
    try {
      names.push_back(oci::Reference::parse(text));
    } catch (const util::Error& error) {
      throw UsageError(fmt::format("--tag `{}`: {}", text, error.message()), error.hint());
    }
    if (!names.back().digest.empty()) throw UsageError(fmt::format("--tag `{}`: a digest cannot be given", text));
  }
  return names;
}

std::vector<exporter::OutputSpec> parse_outputs(const BuildOptions& options) {
  std::vector<exporter::OutputSpec> outputs;
  for (const std::string& text : options.outputs) {
    try {
      outputs.push_back(exporter::parse_output(text));
    } catch (const util::Error& error) {
      throw UsageError(fmt::format("--output `{}`: {}", text, error.message()), error.hint());
    }
  }
  if (options.push) outputs.push_back(exporter::parse_output("type=registry"));
  const auto is_image = [](const exporter::OutputSpec& output) { return output.type == "image"; };
  // What goes into an engine goes through the local store.
  const bool needs_image = options.load && std::ranges::none_of(outputs, is_image);
  if (outputs.empty() || needs_image) outputs.push_back(exporter::parse_output("type=image"));
  for (const std::string& text : options.annotations) {
    auto [name, value] = key_value(text);
    if (!value) throw UsageError(fmt::format("--annotation `{}`: must be KEY=VALUE", text));
    for (exporter::OutputSpec& output : outputs) output.annotations[name] = *value;
  }
  return outputs;
}

}  // namespace builder
