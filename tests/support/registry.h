#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "tests/support/test_dir.h"

namespace test {

/// A real registry (Debian's `docker-registry`) on a loopback port with its data in a directory of its own; killed by
/// the destructor. Start it with `start`.
class Registry {
 public:
  struct Options {
    bool authenticated = false;  ///< basic authentication as "user" with "secret"
    bool read_only = false;
  };
  /// nullptr, with a MESSAGE, when the program is not installed. Fails the test case when it does not come up.
  static std::unique_ptr<Registry> start(Options options);
  static std::unique_ptr<Registry> start() { return start(Options()); }
  ~Registry();
  /// "127.0.0.1:PORT"
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  const TestDir& directory() const { return directory_; }
  /// Ends it now; `host` stays what it was.
  void stop();

 private:
  Registry() = default;
  TestDir directory_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace test
