#include "executor/plan_codec.h"

#include <nlohmann/json.hpp>

#include "util/error.h"

namespace util {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Mount, type, source, target, read_only, no_exec, no_suid, no_dev, recursive, size,
                                   mode, lower, upper, work)

}  // namespace util

namespace nlohmann {

template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& value, const std::optional<T>& optional) {
    value = optional ? json(*optional) : json(nullptr);
  }
  static void from_json(const json& value, std::optional<T>& optional) {
    if (value.is_null()) {
      optional.reset();
    } else {
      optional = value.get<T>();
    }
  }
};

}  // namespace nlohmann

namespace executor {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ResourceLimits::Ulimit, name, soft, hard)

// The cgroup limits stay with the parent, which makes the cgroup.
static void to_json(nlohmann::json& value, const ResourceLimits& limits) {
  value["ulimits"] = limits.ulimits;
}
static void from_json(const nlohmann::json& value, ResourceLimits& limits) {
  value.at("ulimits").get_to(limits.ulimits);
}

// The hosts are already in a file of the plan.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProcessSpec, args, env, cwd, user, hostname, network, insecure, limits)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Step, kind, mount, data, mode, uid, gid, major, minor, optional, otherwise)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SandboxPlan, staging, user_namespace, root, steps, process, seccomp)

namespace {

std::string to_bytes(const nlohmann::json& value) {
  std::string bytes;
  nlohmann::json::to_msgpack(value, nlohmann::detail::output_adapter<char>(bytes));
  return bytes;
}

}  // namespace

std::string encode_plan(const SandboxPlan& plan) {
  return to_bytes(nlohmann::json(plan));
}

SandboxPlan decode_plan(std::string_view bytes) {
  try {
    return nlohmann::json::from_msgpack(bytes).get<SandboxPlan>();
  } catch (const nlohmann::json::exception& error) {
    throw util::Error(std::string("read the sandbox's plan: ") + error.what());
  }
}

std::string encode_report(const InitReport& report) {
  nlohmann::json value = {{"error", report.error}, {"hint", report.hint}};
  if (report.status) {
    value["code"] = report.status->code;
    value["signal"] = report.status->signal;
  }
  return to_bytes(value);
}

std::optional<InitReport> decode_report(std::string_view bytes) {
  nlohmann::json value = nlohmann::json::from_msgpack(bytes, true, false);
  if (!value.is_object()) return std::nullopt;
  InitReport report;
  report.error = value.value("error", "");
  report.hint = value.value("hint", "");
  if (value.contains("code")) report.status = util::ExitStatus{value.value("code", 0), value.value("signal", 0)};
  return report;
}

}  // namespace executor
