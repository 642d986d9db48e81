#include "executor/socket_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <list>
#include <vector>

#include "util/error.h"
#include "util/unix_socket.h"

namespace executor {
namespace {

util::Fd connect_to(const std::filesystem::path& path) {
  util::Fd fd = util::connect_unix(path);
  if (fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) util::throw_errno("connect to `" + path.string() + "`");
  return fd;
}

/// One direction of a connection: at most a buffer full is on the way.
struct Flow {
  int from = -1, to = -1;
  std::vector<char> buffer;
  std::size_t sent = 0;
  bool ended = false;  ///< nothing more to read, and the other side was told
  bool wants_read() const { return !ended && buffer.empty(); }
  bool wants_write() const { return !buffer.empty(); }

  /// False when the connection is broken.
  bool step() {
    if (wants_read()) {
      buffer.resize(65536);
      ssize_t length = recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
      bool later = length < 0 && (errno == EAGAIN || errno == EINTR);
      buffer.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
      sent = 0;
      if (length == 0) {
        ended = true;
        shutdown(to, SHUT_WR);
      }
      if (length < 0 && !later) return false;
    }
    if (wants_write()) {
      ssize_t length = send(to, buffer.data() + sent, buffer.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (length < 0) return errno == EAGAIN || errno == EINTR;
      sent += static_cast<std::size_t>(length);
      if (sent == buffer.size()) buffer.clear();
    }
    return true;
  }
};

struct Connection {
  util::Fd inner, outer;
  Flow up, down;
  bool over() const { return up.ended && down.ended && up.buffer.empty() && down.buffer.empty(); }
};

}  // namespace

SocketRelay::SocketRelay(const MountPlan::Socket& socket, const std::filesystem::path& directory,
                         const std::string& name)
    : path_(directory / name), source_(socket.source), stop_(util::Pipe::open()) {
  struct stat info = {};
  if (stat(source_.c_str(), &info) != 0) util::throw_errno("use the socket `" + source_ + "`");
  if (!S_ISSOCK(info.st_mode)) throw util::Error("use the socket `" + source_ + "`: it is not a socket");
  util::Fd place = util::open_file(directory, O_PATH | O_DIRECTORY);
  listener_ = util::listen_unix(path_);
  if (fchownat(place.get(), name.c_str(), socket.uid, socket.gid, AT_SYMLINK_NOFOLLOW) != 0)
    util::throw_errno("set the owner of `" + socket.target + "`");
  if (fchmodat(place.get(), name.c_str(), socket.mode, 0) != 0)
    util::throw_errno("set the mode of `" + socket.target + "`");
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread
  thread_ = std::thread([this] { serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SocketRelay::~SocketRelay() {
  stop_.write.reset();
  thread_.join();
  unlink(path_.c_str());
}

void SocketRelay::serve() {
  std::list<Connection> connections;
  for (;;) {
    std::vector<struct pollfd> events = {{stop_.read.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& c : connections) {
      events.push_back({c.inner.get(),
                        static_cast<short>((c.up.wants_read() ? POLLIN : 0) | (c.down.wants_write() ? POLLOUT : 0)),
                        0});
      events.push_back({c.outer.get(),
                        static_cast<short>((c.down.wants_read() ? POLLIN : 0) | (c.up.wants_write() ? POLLOUT : 0)),
                        0});
    }
    if (poll(events.data(), events.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (events[0].revents != 0) return;
    std::erase_if(connections, [](Connection& c) { return !c.up.step() || !c.down.step() || c.over(); });
    if (events[1].revents == 0) continue;
    try {
      util::Fd inner(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!inner) continue;
      util::Fd outer = connect_to(source_);
      Connection& c = connections.emplace_back();
      c.inner = std::move(inner);
      c.outer = std::move(outer);
      c.up = {c.inner.get(), c.outer.get(), {}, 0, false};
      c.down = {c.outer.get(), c.inner.get(), {}, 0, false};
    } catch (const util::Error&) {
      // The other end is gone: the client sees its connection closed.
    }
  }
}

}  // namespace executor
