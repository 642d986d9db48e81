#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "util/error.h"

namespace builder {

/// A wrong command line; exit code 2.
class UsageError : public util::Error {
 public:
  using util::Error::Error;
};

/// What `builder build` was asked for; flags only, nothing looked up.
struct BuildOptions {
  std::string context;
  std::string file;                               ///< -f; empty = default names
  std::vector<std::string> tags;
  std::string target;
  std::vector<std::string> build_args;            ///< "K=V", "K"
  std::vector<std::string> build_contexts;        ///< "name=value"
  std::vector<std::string> labels;
  std::vector<std::string> platforms;
  std::vector<std::string> outputs;
  std::vector<std::string> secrets;
  std::vector<std::string> ssh;
  std::vector<std::string> allow;
  std::vector<std::string> add_hosts;
  std::vector<std::string> ulimits;
  std::vector<std::string> no_cache_filter;
  std::vector<std::string> annotations;
  std::string shm_size;
  std::string cgroup_parent;
  std::string network = "default";
  std::string progress = "auto";
  std::string iid_file;
  std::string metadata_file;
  std::string call = "build";
  std::string debug;                              ///< comma list: stats, explain, log
  bool no_cache = false;
  bool pull = false;
  bool push = false;
  bool load = false;
  bool quiet = false;
  unsigned jobs = 0;
};

/// A parsed command line: which command, and its options.
struct CommandLine {
  enum class Command { help, version, build, debug_dump_llb };
  Command command = Command::help;
  BuildOptions build;                 ///< also what debug dump-llb builds on
  std::string text;                   ///< help: what to print
  bool json = false;                  ///< version --format json
  std::string dump_format = "json";   ///< dump-llb: json, dot
};

/// Throws UsageError. Looks at nothing but the arguments.
CommandLine parse_command_line(int argc, char** argv);

}  // namespace builder
