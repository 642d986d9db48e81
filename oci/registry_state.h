#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "oci/registry.h"
#include "oci/registry_session.h"
#include "util/sync.h"

namespace oci {

struct RegistryClient::State {
  explicit State(std::chrono::milliseconds retry_delay) : session(retry_delay) {}
  RegistrySession session;
  /// Upload sessions that a registry opened instead of mounting a blob: (name, digest) -> URL.
  util::Sync<std::map<std::pair<std::string, std::string>, std::string>> opened_uploads;
};

/// Token scope "repository:NAME:pull,push".
std::string scope(const std::string& repository, std::string_view actions);

}  // namespace oci
