#pragma once

#include <filesystem>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "util/fd.h"
#include "util/ssh_key.h"
#include "util/sync.h"
#include "util/temp.h"

namespace ops {

/// What `--ssh` names: the socket of an agent, or private keys to be an agent for.
struct SshSource {
  std::string socket;               ///< empty = the keys
  std::vector<util::SshKey> keys;
};

/// An ssh agent (draft-miller-ssh-agent) that lists and signs, and refuses everything else: a step can neither add keys to
/// the user's agent nor remove some. Serves its socket on threads of its own until destroyed.
class SshAgent {
 public:
  /// Listens in a fresh directory below `temporary`. Throws util::Error.
  SshAgent(SshSource source, const std::filesystem::path& temporary);
  ~SshAgent();
  SshAgent(const SshAgent&) = delete;
  SshAgent& operator=(const SshAgent&) = delete;
  std::filesystem::path path() const { return directory_.path() / "agent"; }

 private:
  struct Connection {
    util::Fd client, agent;  ///< no agent where keys are served
    std::thread thread;
    bool over = false;
  };
  void accept_connections();
  void start(util::Fd client);
  void serve(int client, int agent) const;

  SshSource source_;
  util::TempDir directory_;
  util::Fd listener_;
  util::Pipe stop_;
  util::Sync<std::list<Connection>> connections_;
  std::thread acceptor_;
};

/// The answer of an agent that holds `keys`, without the length in front; for requests that are malformed or not about
/// listing and signing, a failure message.
std::string answer_ssh_request(const std::vector<util::SshKey>& keys, std::string_view request);

}  // namespace ops
