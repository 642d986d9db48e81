#include "tools/images/engine.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "executor/user_namespace.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace builder {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_socket(const std::string& path) {
  const auto found = util::find_stat_at(AT_FDCWD, path);
  return found && found->type == util::FileType::socket && ::access(path.c_str(), W_OK) == 0;
}

bool is_in_path(const std::string& program) {
  for (const std::string& directory : util::split(variable("PATH"), ':')) {
    if (!directory.empty() && ::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<Engine> find_engine() {
  if (const std::string host = variable("DOCKER_HOST"); !host.empty()) return make_api_engine(host);
  for (const std::string& path : {std::string("/var/run/docker.sock"), variable("XDG_RUNTIME_DIR") + "/docker.sock",
                                  variable("XDG_RUNTIME_DIR") + "/podman/podman.sock", std::string("/run/podman/podman.sock")}) {
    if (is_socket(path)) return make_api_engine("unix://" + path);
  }
  // An ordinary user's podman keeps its images in a user namespace of its own, which it cannot enter from inside of ours.
  if (executor::privilege().real_root && is_in_path("podman")) return make_podman_engine();
  throw util::Error("find a container engine to load into: there is none at /var/run/docker.sock, and no podman",
                    "start Docker or `podman system service`, or set DOCKER_HOST; without --load the image goes to the local store");
}

}  // namespace builder
