#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "oci/registry.h"
#include "oci/registry_session.h"
#include "util/error.h"
#include "util/log.h"
#include "util/sync.h"

namespace oci {

struct RegistryClient::State {
  explicit State(std::chrono::milliseconds retry_delay) : session(retry_delay) {}
  RegistrySession session;
  /// Upload sessions that a registry opened instead of mounting a blob: (name, digest) -> URL.
  util::Sync<std::map<std::pair<std::string, std::string>, std::string>> opened_uploads;
  /// Mirrors that did not answer, and those that sent wrong bytes for a blob: key of the endpoint [and digest].
  util::Sync<std::set<std::string>> given_up;

  bool has_given_up(const std::string& key) { return given_up.lock()->contains(key); }

  /// `ask(location)` for the mirrors of an image and then its registry: what one of them does not have or cannot give,
  /// the next may. The error of the registry itself is thrown.
  template <typename F>
  auto first_answer(const Reference& reference, RegistryConfig::Purpose purpose, F&& ask) {
    std::vector<RegistryLocation> locations = session.config().locations(reference, purpose);
    for (const RegistryLocation& mirror : locations) {
      if (!mirror.mirror) break;
      std::string key = mirror.endpoint.key();
      if (has_given_up(key)) continue;
      try {
        return ask(mirror);
      } catch (const util::Cancelled&) {
        throw;
      } catch (const DamagedBlob&) {
        throw;  // the sink has seen the bytes
      } catch (const RegistryError& error) {
        if (error.kind() != RegistryError::Kind::unreachable || !given_up.lock()->insert(key).second) continue;
        util::log_warning(
            fmt::format("mirror `{}`: {}; it is left out from now on", mirror.endpoint.authority, error.message()));
      } catch (const util::Error& error) {
        util::log_warning(fmt::format("mirror `{}`: {}", mirror.endpoint.authority, error.message()));
      }
    }
    return ask(locations.back());
  }
};

}  // namespace oci
