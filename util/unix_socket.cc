#include "util/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "util/error.h"

namespace util {
namespace {

constexpr int kBacklog = 16;

/// The address of `name` in a directory, by way of its descriptor.
struct sockaddr_un address_in(const Fd& directory, const std::string& name) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
  if (path.size() >= sizeof address.sun_path) throw Error("use the socket `" + name + "`: its name is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd directory_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return open_file(parent.empty() ? "." : parent, O_PATH | O_DIRECTORY);
}

Fd new_socket(int flags) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw_errno("make a socket");
  return fd;
}

}  // namespace

Fd listen_unix(const std::filesystem::path& path) {
  const Fd directory = directory_of(path);
  const struct sockaddr_un address = address_in(directory, path.filename().string());
  Fd fd = new_socket(SOCK_NONBLOCK);
  if (::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    throw_errno("make the socket `" + path.string() + "`");
  }
  return fd;
}

Fd connect_unix(const std::filesystem::path& path) {
  const Fd directory = directory_of(path);
  const struct sockaddr_un address = address_in(directory, path.filename().string());
  Fd fd = new_socket(0);
  if (::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0) {
    throw_errno("connect to `" + path.string() + "`");
  }
  return fd;
}

}  // namespace util
