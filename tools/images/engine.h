#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/reference.h"
#include "util/digest.h"
#include "util/piped_reader.h"

namespace builder {

/// A container engine of this machine that images can be handed to.
class Engine {
 public:
  virtual ~Engine() = default;
  /// For people: "the engine at unix:///var/run/docker.sock".
  virtual std::string name() const = 0;
  /// Has it an image with this id?
  virtual bool has(const util::Digest& id, std::stop_token stop) = 0;
  virtual void tag(const util::Digest& id, const oci::Reference& name, std::stop_token stop) = 0;
  /// Sends a docker archive. Throws util::Error with what the engine says.
  virtual void load(util::PipedReader& archive, std::stop_token stop) = 0;
};

/// The engine that `docker` would speak to: $DOCKER_HOST (unix://PATH, tcp://HOST:PORT, with $DOCKER_TLS_VERIFY and
/// $DOCKER_CERT_PATH), else /var/run/docker.sock; else podman, by its socket or its program. Throws util::Error when there
/// is none.
std::unique_ptr<Engine> find_engine();

/// By the Docker Engine API at `address`: "unix:///run/docker.sock", "tcp://127.0.0.1:2375". Throws util::Error.
std::unique_ptr<Engine> make_api_engine(const std::string& address);
/// The program podman, started for each request.
std::unique_ptr<Engine> make_podman_engine();

}  // namespace builder
