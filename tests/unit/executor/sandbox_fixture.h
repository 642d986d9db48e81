#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "executor/sandbox.h"
#include "executor/user_namespace.h"
#include "tests/support/test_dir.h"
#include "util/fd.h"
#include "util/text.h"

namespace test {

/// What a run printed, and how it ended.
struct Ran {
  util::ExitStatus status;
  std::string out, err;
  bool out_of_memory = false;
  /// Lines of the output.
  std::vector<std::string> lines() const {
    std::vector<std::string> result = util::split(out, '\n');
    if (!result.empty() && result.back().empty()) result.pop_back();
    return result;
  }
};

/// A root made of one layer that holds the probe and usual directories, with an upper one; and an executor.
class SandboxFixture {
 public:
  SandboxFixture() {
    for (const char* directory : {"lower/bin", "lower/etc", "lower/proc", "lower/sys", "lower/dev", "lower/tmp",
                                  "upper", "work", "temporary"}) {
      std::filesystem::create_directories(dir / directory);
    }
    std::filesystem::copy_file(PROBE_PATH, dir / "lower/bin/probe");
    dir.write("lower/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww:x:1000:1001:web:/home/www:/bin/sh\n");
    dir.write("lower/etc/group", "root:x:0:\nwww:x:1001:\nextra:x:2000:www,other\n");
    dir.write("lower/etc/hosts", "");
    dir.write("lower/etc/resolv.conf", "");
    executor = std::make_unique<executor::SandboxExecutor>(dir / "temporary");
    process.env = {"PATH=/bin"};
    util::Mount root;
    root.type = util::Mount::Type::overlay;
    root.target = "/";
    root.lower = {dir / "lower"};
    root.upper = dir / "upper";
    root.work = dir / "work";
    mounts.root = {root};
  }

  /// "probe" with these words; "--" between subcommands.
  Ran probe(std::vector<std::string> words) {
    words.insert(words.begin(), "probe");
    return run(std::move(words));
  }
  Ran run(std::vector<std::string> args, std::stop_token stop = {}) {
    Ran ran;
    process.args = std::move(args);
    executor::ProcessIo io;
    io.output = [&](int stream, std::string_view data) { (stream == 1 ? ran.out : ran.err) += data; };
    executor::RunOutcome outcome = executor->run(process, mounts, io, std::move(stop));
    ran.status = outcome.status;
    ran.out_of_memory = outcome.out_of_memory;
    return ran;
  }
  /// Names in the upper directory, with their parents: what the layer would contain.
  std::vector<std::string> layer() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "upper")) {
      names.push_back(std::filesystem::relative(entry.path(), dir / "upper").string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TestDir dir;
  std::unique_ptr<executor::SandboxExecutor> executor;
  executor::ProcessSpec process;
  executor::MountPlan mounts;
};

inline bool real_root() {
  return executor::privilege().real_root;
}
inline bool many_ids() {
  return executor::privilege().warning.empty();
}

}  // namespace test
