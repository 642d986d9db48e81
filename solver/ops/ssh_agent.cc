#include "solver/ops/ssh_agent.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <exception>
#include <optional>

#include "util/error.h"
#include "util/ssh_wire.h"
#include "util/unix_socket.h"

namespace ops {
namespace {

// Numbers of messages: draft-miller-ssh-agent, section 5.1.
constexpr std::uint8_t kFailure = 5, kListRequest = 11, kListAnswer = 12, kSignRequest = 13, kSignAnswer = 14;
constexpr std::size_t kLargestMessage = 256u << 10;  // what OpenSSH takes

/// One message without its length; nullopt when the other side is gone or does not speak the protocol.
std::optional<std::string> read_message(int fd) {
  try {
    std::array<std::byte, 4> length{};
    if (util::read_full(fd, length) != length.size()) return std::nullopt;
    const std::size_t size = util::SshReader({reinterpret_cast<const char*>(length.data()), length.size()}).number();
    if (size == 0 || size > kLargestMessage) return std::nullopt;
    std::string message(size, '\0');
    if (util::read_full(fd, std::as_writable_bytes(std::span(message))) != size) return std::nullopt;
    return message;
  } catch (const util::Error&) {
    return std::nullopt;  // the connection broke
  }
}

/// False when the other side is gone, which must not kill this program with SIGPIPE.
bool send_message(int fd, std::string_view message) {
  const std::string framed = util::SshWriter().string(message).text();
  for (std::size_t sent = 0; sent < framed.size();) {
    const ssize_t count = ::send(fd, framed.data() + sent, framed.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  return true;
}

std::string failure() {
  return util::SshWriter().byte(kFailure).text();
}

bool is_allowed(std::string_view request) {
  const auto type = static_cast<std::uint8_t>(request.front());
  return type == kListRequest || type == kSignRequest;
}

std::string list(const std::vector<util::SshKey>& keys) {
  util::SshWriter answer;
  answer.byte(kListAnswer).number(static_cast<std::uint32_t>(keys.size()));
  for (const util::SshKey& key : keys) answer.string(key.public_blob()).string("");
  return answer.text();
}

std::string sign(const std::vector<util::SshKey>& keys, util::SshReader& request) {
  const std::string_view blob = request.string(), data = request.string();
  const std::uint32_t flags = request.number();
  for (const util::SshKey& key : keys) {
    if (key.public_blob() == blob) return util::SshWriter().byte(kSignAnswer).string(key.sign(data, flags)).text();
  }
  return failure();
}

}  // namespace

std::string answer_ssh_request(const std::vector<util::SshKey>& keys, std::string_view request) {
  try {
    util::SshReader reader(request);
    const std::uint8_t type = reader.byte();
    if (type == kListRequest) return list(keys);
    if (type == kSignRequest) return sign(keys, reader);
  } catch (const util::Error&) {
    // Malformed, or a key that cannot sign: the protocol has one word for both.
  }
  return failure();
}

SshAgent::SshAgent(SshSource source, const std::filesystem::path& temporary)
    : source_(std::move(source)),
      directory_(temporary, "builder-ssh-"),
      listener_(util::listen_unix(path())),
      stop_(util::Pipe::open()) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread; threads made by this one inherit
  acceptor_ = std::thread([this] { accept_connections(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SshAgent::~SshAgent() {
  stop_.write.reset();
  acceptor_.join();
  for (Connection& connection : *connections_.lock()) {
    ::shutdown(connection.client.get(), SHUT_RDWR);
    if (connection.agent) ::shutdown(connection.agent.get(), SHUT_RDWR);  // it may be waiting for its user
  }
  // No new ones come, and a thread that ends wants the lock.
  std::list<Connection> rest;
  rest.swap(*connections_.lock());
  for (Connection& connection : rest) connection.thread.join();
}

void SshAgent::accept_connections() {
  for (;;) {
    std::array<struct pollfd, 2> events = {{{stop_.read.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return;
    if (events[0].revents != 0) return;
    if (events[1].revents == 0) continue;
    util::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) continue;
    try {
      start(std::move(client));
    } catch (const std::exception&) {
      // The agent is gone, or there are too many threads: the client sees its connection closed.
    }
  }
}

void SshAgent::start(util::Fd client) {
  util::Fd agent;
  if (!source_.socket.empty()) agent = util::connect_unix(source_.socket);
  auto connections = connections_.lock();
  connections->remove_if([](Connection& old) {
    if (old.over) old.thread.join();
    return old.over;
  });
  Connection& connection = connections->emplace_back();
  connection.client = std::move(client);
  connection.agent = std::move(agent);
  try {
    connection.thread = std::thread([this, &connection] {
      serve(connection.client.get(), connection.agent.get());
      ::shutdown(connection.client.get(), SHUT_RDWR);
      const auto lock = connections_.lock();
      connection.over = true;
    });
  } catch (...) {
    connections->pop_back();
    throw;
  }
}

/// One request after the other, as the protocol has it.
void SshAgent::serve(int client, int agent) const {
  while (const std::optional<std::string> request = read_message(client)) {
    std::optional<std::string> answer;
    if (agent < 0) {
      answer = answer_ssh_request(source_.keys, *request);
    } else if (!is_allowed(*request)) {
      answer = failure();
    } else if (send_message(agent, *request)) {
      answer = read_message(agent);
    }
    if (!answer || !send_message(client, *answer)) return;
  }
}

}  // namespace ops
