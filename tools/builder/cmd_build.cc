#include "tools/builder/cmd_build.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>

#include "cache/cache_dir.h"
#include "executor/user_namespace.h"
#include "tools/builder/build.h"
#include "tools/builder/call.h"
#include "tools/builder/usage_error.h"

namespace builder {
namespace {

/// A flag of `docker buildx build` that is not here yet.
struct KnownFlag {
  const char* name;
  bool takes_value;
};
constexpr std::array kNotYet = {
    KnownFlag{"--attest", true},      KnownFlag{"--provenance", true}, KnownFlag{"--sbom", true},
    KnownFlag{"--cache-from", true},  KnownFlag{"--cache-to", true},   KnownFlag{"--policy", true},
    KnownFlag{"--source-policy-file", true},
};
/// Flags that mean nothing to a builder without a daemon; accepted so that scripts keep working.
constexpr std::array kIgnored = {
    KnownFlag{"--builder", true}, KnownFlag{"--compress", false},     KnownFlag{"--rm", false},
    KnownFlag{"--force-rm", false}, KnownFlag{"--isolation", true},   KnownFlag{"--security-opt", true},
};

/// The classic builder's words for what `--resource` says.
constexpr const char* kResourceFlags[] = {"-m,--memory",  "--memory-swap", "-c,--cpu-shares", "--cpu-period",
                                          "--cpu-quota", "--cpuset-cpus", "--cpuset-mems"};

void refuse_flags_of_buildx(const CLI::App& app) {
  for (const KnownFlag& flag : kNotYet) {
    const std::string names = flag.name;
    const std::string longest = names.substr(names.find("--"));
    if (app.get_option(longest)->count() > 0) {
      throw UsageError(fmt::format("flag `{}` of `docker buildx build`: not supported by this version of builder", longest));
    }
  }
}

void add_build_options(CLI::App& app, BuildOptions& o) {
  app.add_option("-f,--file", o.file, "Name of the Dockerfile (default: PATH/Dockerfile)")->type_name("FILE");
  add_list(app, "-t,--tag", o.tags, "Name of the image, \"name[:tag]\"", "NAME");
  app.add_option("--target", o.target, "Stage to build")->type_name("STAGE");
  add_list(app, "--build-arg", o.build_args, "Value of an ARG; without '=' it is taken from the environment", "K[=V]");
  add_list(app, "--build-context", o.build_contexts, "Additional named context: directory, docker-image://, oci-layout://, git or http(s) URL",
           "NAME=VALUE");
  add_list(app, "--label", o.labels, "Label of the image", "K=V");
  add_list(app, "--platform", o.platforms, "Target platform", "OS/ARCH")->envname("DOCKER_DEFAULT_PLATFORM");
  add_list(app, "-o,--output", o.outputs, "Where the result goes: type=image|oci|docker|tar|local|registry|cacheonly,…",
           "SPEC");
  app.add_flag("--push", o.push, "Push the image: short for --output=type=registry");
  app.add_flag("--load", o.load, "Hand the image to the Docker engine or podman of this machine, too");
  app.add_flag("--no-cache", o.no_cache, "Run every step again");
  add_list(app, "--no-cache-filter", o.no_cache_filter, "Run the steps of these stages again", "STAGE")->delimiter(',');
  app.add_flag("--pull", o.pull, "Ask the registry for newer base images");
  app.add_option("--progress", o.progress, "auto, plain, tty, quiet, none, rawjson")->type_name("MODE");
  app.add_flag("-q,--quiet", o.quiet, "Print just the image id");
  app.add_option("--iidfile", o.iid_file, "Write the image id to a file")->type_name("FILE");
  app.add_option("--metadata-file", o.metadata_file, "Write facts about the result to a JSON file")->type_name("FILE");
  add_list(app, "--secret", o.secrets, "Secret for RUN --mount=type=secret: id=NAME[,src=FILE|,env=VARIABLE]", "SPEC");
  add_list(app, "--ssh", o.ssh, "Agent for RUN --mount=type=ssh and git: default, ID=SOCKET or ID=KEY[,KEY]", "SPEC");
  add_list(app, "--add-host", o.add_hosts, "Line of /etc/hosts in RUN", "HOST:IP")->delimiter(',');
  add_list(app, "--allow", o.allow, "Entitlement: network.host, security.insecure, device[=NAME]", "NAME")->delimiter(',');
  add_list(app, "--ulimit", o.ulimits, "Resource limit in RUN", "NAME=SOFT[:HARD]");
  add_list(app, "--resource", o.resources, "Limit of every RUN: memory, memory-swap, cpu-shares, cpu-period, cpu-quota, cpuset-cpus, "
           "cpuset-mems", "NAME=VALUE");
  add_list(app, "--annotation", o.annotations, "Annotation of the manifest", "K=V");
  app.add_option("--shm-size", o.shm_size, "Size of /dev/shm in RUN")->type_name("BYTES");
  app.add_option("--cgroup-parent", o.cgroup_parent, "Parent cgroup of RUN")->type_name("CGROUP");
  app.add_option("--network", o.network, "Network of RUN: default, host, none")->type_name("MODE");
  app.add_option("--call,--print", o.call, "What to do: build, check, outline, targets; with \",format=json\" as JSON")
      ->type_name("METHOD");
  app.add_option("--format", o.format, "Form of the answer to --call: text, json")->type_name("FORMAT");
  app.add_option("--base", o.base, "Base images for --call and dump-llb: resolve (ask for them), empty (take them as empty)")->type_name("MODE");
  app.add_flag("--check{check}", o.call, "Check the Dockerfile without building: short for --call=check");
  app.add_option("--jobs", o.jobs, "Steps at work at once (default: depends on the machine)")->type_name("N");
  app.add_flag("-D,--debug{log}", o.debug, "Say more, a comma list: --debug=stats (timers, counters), explain (why a "
               "step missed the cache), log");
  for (const KnownFlag& flag : kIgnored) {
    CLI::Option* option = flag.takes_value ? app.add_option(flag.name) : app.add_flag(flag.name);
    option->group("");
  }
  for (const char* names : kResourceFlags) {
    const std::string name = std::string(names).substr(std::string_view(names).find("--") + 2);
    const auto take = [&o, name](const std::string& value) { o.resources.push_back(name + "=" + value); };
    app.add_option_function<std::string>(names, take)->group("");
  }
  app.add_flag("--squash", o.squash)->group("");
  for (const KnownFlag& flag : kNotYet) {
    CLI::Option* option = flag.takes_value ? app.add_option(flag.name) : app.add_flag(flag.name);
    option->group("");
  }
  app.callback([&app] { refuse_flags_of_buildx(app); });
}

/// The context is the one argument.
void take_context(BuildOptions& options, const Arguments& arguments) {
  if (arguments.empty() || arguments.front().empty()) {
    throw UsageError("`builder build` needs exactly one argument: the build context",
                     "usage: builder build [OPTIONS] PATH; for the current directory: builder build .");
  }
  if (arguments.size() > 1) {
    throw UsageError(fmt::format("`builder build` takes exactly one PATH, and there is also `{}`", arguments[1]),
                     "usage: builder build [OPTIONS] PATH");
  }
  options.context = arguments.front();
}

int run_build(const BuildOptions& options) {
  // The store's place depends on who the caller is, which can no longer be seen from inside a user namespace.
  const std::filesystem::path cache_root = cache::default_root();
  const CallMethod method = parse_call(options);
  if (method.name == "build") executor::enter_user_namespace_if_needed();
  return run_interruptible("build", [&](std::stop_token stop) {
    if (method.name != "build") return call(options, method, cache_root, stop);
    build(options, cache_root, stop);
    return 0;
  });
}

int run_dump_llb(const BuildOptions& options, const std::string& format) {
  const std::filesystem::path cache_root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  dump_llb(options, cache_root, format);
  return 0;
}

}  // namespace

Command build_command(std::function<int(const BuildOptions&)> run) {
  if (!run) run = run_build;
  const auto define = [run](CLI::App& app) -> Action {
    const auto options = std::make_shared<BuildOptions>();
    add_build_options(app, *options);
    app.footer("Without --output the image goes to the local store, under the names of --tag.");
    return [options, run](const Arguments& arguments) {
      take_context(*options, arguments);
      return run(*options);
    };
  };
  return {{"build", "image build", "buildx build"}, "Build an image from a Dockerfile", "[OPTIONS] PATH | URL | -", {}, define};
}

Command dump_llb_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<BuildOptions>();
    const auto format = std::make_shared<std::string>("json");
    add_build_options(app, *options);
    app.add_option("--dump-format", *format, "json or dot")->type_name("FORMAT");
    return [options, format](const Arguments& arguments) {
      take_context(*options, arguments);
      return run_dump_llb(*options, *format);
    };
  };
  return {{"debug dump-llb"}, "Print the graph that a Dockerfile is lowered to", "[OPTIONS] PATH | URL | -", {}, define};
}

}  // namespace builder
