#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "util/fd.h"

namespace executor {

/// Wire format between the builder and the server: one packet each way, descriptors alongside.
struct LaunchRequest {
  std::uint64_t namespaces = 0;  ///< CLONE_NEW* of the init
};
struct LaunchReply {
  std::int32_t error = 0;  ///< errno of the clone; 0 = the init's pidfd comes along
};
inline constexpr int kServerSocket = 3;  ///< the server's end
inline constexpr std::size_t kMaxLaunchDescriptors = 32;

/// Sends bytes and descriptors as one packet; false when the other side is gone. Throws SystemError.
bool send_packet(int socket, const void* data, std::size_t size, std::span<const int> descriptors);
/// Receives one packet of exactly `size` bytes; false when the other side is gone.
bool receive_packet(int socket, void* data, std::size_t size, std::vector<util::Fd>& descriptors);

/// The process that forks inits. Programs with threads cannot fork and go on, and starting this program anew takes as
/// long as linking all its libraries does; so it is started anew once, as a server without threads, that forks an init
/// whenever it is told to. Starts at the first launch; ends when this object does. Not thread-safe.
class Launcher {
 public:
  Launcher() = default;
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  /// Starts the server unless it runs. Throws util::Error.
  void start();
  /// A new init in new namespaces, which gets the descriptors (in the order of InitDescriptors). Its pidfd.
  util::Fd launch(std::uint64_t namespaces, std::span<const int> descriptors);

 private:
  void stop() noexcept;
  util::Fd socket_;
  pid_t server_ = -1;
};

}  // namespace executor
