#pragma once

#include <string>
#include <vector>

namespace builder {

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
  std::vector<std::string> resources;             ///< "memory=1g"
  std::string shm_size;
  std::string cgroup_parent;
  std::string network = "default";
  std::string progress = "auto";
  std::string iid_file;
  std::string metadata_file;
  std::string call = "build";
  std::string format;                             ///< of the answer to `call`: text, json; empty = as `call` says
  std::string base = "resolve";                   ///< base images of what does not build: resolve, empty
  std::string debug;                              ///< comma list: stats, explain, log
  bool no_cache = false;
  bool pull = false;
  bool push = false;
  bool load = false;
  bool quiet = false;
  bool squash = false;
  unsigned jobs = 0;
};

}  // namespace builder
