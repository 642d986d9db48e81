#include "solver/ops/secret_store.h"

#include <cstdlib>

#include "util/error.h"
#include "util/fd.h"

namespace ops {
namespace {

constexpr std::size_t kLargestSecret = 500u << 10;

}  // namespace

std::optional<std::string> SecretStore::value(const std::string& id) const {
  const auto source = sources_.find(id);
  if (source == sources_.end()) return std::nullopt;
  std::string value;
  if (source->second.from_environment) {
    const char* variable = std::getenv(source->second.location.c_str());
    if (variable == nullptr) {
      throw util::Error("read secret `" + id + "`: environment variable `" + source->second.location + "` is not set");
    }
    value = variable;
  } else {
    value = util::with_context("read secret `" + id + "`", [&] {
      // One byte more than allowed, so that this says what the limit is.
      return util::read_file(source->second.location, kLargestSecret + 1);
    });
  }
  if (value.size() > kLargestSecret) throw util::Error("read secret `" + id + "`: it is larger than 500 KiB");
  return value;
}

void SecretStore::serve_ssh(const std::string& id, SshSource source, const std::filesystem::path& temporary) {
  agents_.push_back(std::make_unique<SshAgent>(std::move(source), temporary));
  add_ssh(id, agents_.back()->path().string());
}

std::optional<std::string> SecretStore::ssh_socket(const std::string& id) const {
  const auto socket = ssh_.find(id);
  if (socket == ssh_.end()) return std::nullopt;
  return socket->second;
}

}  // namespace ops
