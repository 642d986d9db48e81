#pragma once

#include <filesystem>
#include <string>
#include <thread>

#include "executor/executor.h"
#include "util/fd.h"

namespace executor {

/// A Unix socket with its own owner and mode that passes every connection on to another one: the socket of the host
/// keeps its own. Works on a thread of its own until destroyed.
class SocketRelay {
 public:
  /// Listens at `directory`/`name`. Throws util::Error.
  SocketRelay(const MountPlan::Socket& socket, const std::filesystem::path& directory, const std::string& name);
  ~SocketRelay();
  SocketRelay(const SocketRelay&) = delete;
  SocketRelay& operator=(const SocketRelay&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void serve();
  std::filesystem::path path_;
  std::string source_;
  util::Fd listener_;
  util::Pipe stop_;
  std::thread thread_;
};

}  // namespace executor
