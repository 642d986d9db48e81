#include "tests/support/registry.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/support/http_server.h"

extern char** environ;

namespace test {
namespace {

// "secret", hashed with bcrypt at its lowest cost.
constexpr std::string_view kPasswords = "user:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

bool answers(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

std::string configuration(const Registry::Options& options, const TestDir& directory, int port) {
  std::string text =
      "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage:\n  filesystem: {rootdirectory: " +
      (directory / "data").string() + "}\n  delete: {enabled: true}\n";
  if (options.read_only) text += "  maintenance: {readonly: {enabled: true}}\n";
  text += "http: {addr: '127.0.0.1:" + std::to_string(port) + "'}\n";
  if (options.authenticated)
    text += "auth: {htpasswd: {realm: test, path: " + (directory / "htpasswd").string() + "}}\n";
  return text;
}

/// Starts the program with its output in a file; -1 when it is not there.
pid_t spawn(const std::string& config, const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::string program = "docker-registry", verb = "serve", file = config;
  char* arguments[] = {program.data(), verb.data(), file.data(), nullptr};
  pid_t pid = -1;
  int error = posix_spawnp(&pid, "docker-registry", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

}  // namespace

std::unique_ptr<Registry> Registry::start(Options options) {
  std::unique_ptr<Registry> registry(new Registry);
  registry->port_ = free_port();
  const TestDir& directory = registry->directory_;
  directory.write("htpasswd", kPasswords);
  directory.write("config.yml", configuration(options, directory, registry->port_));
  registry->pid_ = spawn((directory / "config.yml").string(), (directory / "log").string());
  if (registry->pid_ < 0) {
    MESSAGE("skipped: docker-registry is not installed");
    return nullptr;
  }
  for (int i = 0; i < 1000; ++i) {
    if (answers(registry->port_)) return registry;
    if (waitpid(registry->pid_, nullptr, WNOHANG) == registry->pid_) {
      registry->pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL("docker-registry did not start");
  return nullptr;
}

void Registry::stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Registry::~Registry() {
  stop();
}

}  // namespace test
