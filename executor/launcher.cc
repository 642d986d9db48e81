#include "executor/launcher.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "executor/sandbox.h"
#include "executor/user_namespace.h"
#include "util/error.h"

namespace executor {
namespace {

union ControlBuffer {
  char bytes[CMSG_SPACE(kMaxLaunchDescriptors * sizeof(int))];
  struct cmsghdr aligned;
};

bool is_own_program(int fd) {
  struct stat own = {}, other = {};
  return stat("/proc/self/exe", &own) == 0 && fstat(fd, &other) == 0 && own.st_dev == other.st_dev &&
         own.st_ino == other.st_ino;
}

/// A read-only mount of it that only exists as a descriptor. By its path: what /proc/self/exe leads to is in the mount
/// namespace that the program was started in. Invalid when the path leads to another file by now.
util::Fd mount_own_program() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return {};
  path[length] = '\0';
  util::Fd fd(open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!fd || !is_own_program(fd.get())) return {};
  struct mount_attr change = {};
  change.attr_set = MOUNT_ATTR_RDONLY;
  if (mount_setattr(fd.get(), "", AT_EMPTY_PATH, &change, sizeof change) != 0) return {};
  return fd;
}

/// A copy of it in memory that cannot be changed.
util::Fd copy_own_program() {
  util::Fd from = util::open_file("/proc/self/exe", O_RDONLY);
  util::Fd to(memfd_create(kInitName, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!to) util::throw_errno("start the sandbox's server");
  ssize_t copied;
  do {
    copied = sendfile(to.get(), from.get(), nullptr, 1u << 30);
  } while (copied > 0);
  if (copied < 0 || fcntl(to.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    util::throw_errno("start the sandbox's server");
  }
  return to;
}

/// This program in a form that cannot be written to: a step that gets hold of /proc/PID/exe of the init, or of the
/// process that is about to exec, must not be able to change the program of the host.
util::Fd open_own_program() {
  util::Fd fd = mount_own_program();
  return fd ? std::move(fd) : copy_own_program();
}

class SpawnSettings {
 public:
  explicit SpawnSettings(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions_, 0, 1);
    posix_spawn_file_actions_adddup2(&actions_, socket, kServerSocket);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    // A session of its own: Ctrl-C is for the builder, which then ends the sandboxes in order.
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  int spawn(pid_t* pid, const char* program) {
    std::array<char, 64> name{};
    std::strncpy(name.data(), kInitName, name.size() - 1);
    char* arguments[] = {name.data(), nullptr};
    char* environment[] = {nullptr};
    return posix_spawn(pid, program, &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

bool send_packet(int socket, const void* data, std::size_t size, std::span<const int> descriptors) {
  struct iovec part = {const_cast<void*>(data), size};
  ControlBuffer control = {};
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return false;
    util::throw_errno("talk to the sandbox's server");
  }
}

bool receive_packet(int socket, void* data, std::size_t size, std::vector<util::Fd>& descriptors) {
  struct iovec part = {data, size};
  ControlBuffer control = {};
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t length;
  do {
    length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && errno != ECONNRESET) util::throw_errno("talk to the sandbox's server");
  for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); length > 0 && header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return length == static_cast<ssize_t>(size);
}

Launcher::~Launcher() {
  stop();
}

void Launcher::stop() noexcept {
  if (socket_) shutdown(socket_.get(), SHUT_RDWR);  // which ends the server, whoever else holds a copy
  socket_.reset();
  if (server_ > 0) {
    while (waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  server_ = -1;
}

void Launcher::start() {
  if (socket_) return;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) util::throw_errno("start the sandbox's server");
  util::Fd mine(ends[0]);
  util::Fd theirs(ends[1]);
  // dup2 onto the same number would leave close-on-exec set.
  if (theirs.get() == kServerSocket) {
    util::Fd moved(fcntl(theirs.get(), F_DUPFD_CLOEXEC, kServerSocket + 1));
    if (!moved) util::throw_errno("start the sandbox's server");
    theirs = std::move(moved);
  }
  util::Fd program = open_own_program();
  SpawnSettings settings(theirs.get());
  int error = settings.spawn(&server_, ("/proc/self/fd/" + std::to_string(program.get())).c_str());
  if (error != 0) {
    server_ = -1;
    util::SystemError failure("start the sandbox's server (`/proc/self/exe`)", error);
    if (error == ENOENT) failure.set_hint("is /proc mounted?");
    throw failure;
  }
  socket_ = std::move(mine);
}

util::Fd Launcher::launch(std::uint64_t namespaces, std::span<const int> descriptors) {
  // Once more if the server was killed meanwhile.
  for (int attempt = 0; attempt < 2; ++attempt) {
    start();
    LaunchRequest request{namespaces};
    LaunchReply reply;
    std::vector<util::Fd> received;
    if (!send_packet(socket_.get(), &request, sizeof request, descriptors) ||
        !receive_packet(socket_.get(), &reply, sizeof reply, received)) {
      stop();
      continue;
    }
    if (reply.error != 0) {
      NamespaceProblem problem = explain_namespace_failure("namespaces", reply.error, find_namespace_facts());
      throw util::Error("make a sandbox: " + problem.message, problem.hint);
    }
    if (received.size() != 1) throw util::Error("make a sandbox: the server's answer is incomplete");
    return std::move(received.front());
  }
  throw util::Error("make a sandbox: the server that starts them ended unexpectedly");
}

}  // namespace executor
