#include "tools/builder/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>

#include "util/text.h"

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
    KnownFlag{"--resource", true},    KnownFlag{"-m,--memory", true},  KnownFlag{"--memory-swap", true},
    KnownFlag{"-c,--cpu-shares", true}, KnownFlag{"--cpu-period", true}, KnownFlag{"--cpu-quota", true},
    KnownFlag{"--cpuset-cpus", true}, KnownFlag{"--cpuset-mems", true},
    KnownFlag{"--source-policy-file", true}, KnownFlag{"--load", false},
    KnownFlag{"--squash", false},
};
/// Flags that mean nothing to a builder without a daemon; accepted so that scripts keep working.
constexpr std::array kIgnored = {
    KnownFlag{"--builder", true}, KnownFlag{"--compress", false},     KnownFlag{"--rm", false},
    KnownFlag{"--force-rm", false}, KnownFlag{"--isolation", true},   KnownFlag{"--security-opt", true},
};

constexpr const char* kGroup = "Options";

/// Options that may be given several times, each with one value.
CLI::Option* add_list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* help,
                      const char* value) {
  return app.add_option(names, into, help)->type_name(value)->expected(1)->allow_extra_args(false)->take_all();
}

void add_build_options(CLI::App& app, BuildOptions& o) {
  app.add_option("PATH", o.context, "Build context: a directory, a git or http(s) URL, or - (a tar archive or a Dockerfile)")->type_name("");
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
  app.add_flag("--no-cache", o.no_cache, "Run every step again");
  add_list(app, "--no-cache-filter", o.no_cache_filter, "Run the steps of these stages again", "STAGE")->delimiter(',');
  app.add_flag("--pull", o.pull, "Ask the registry for newer base images");
  app.add_option("--progress", o.progress, "auto, plain, tty, quiet, none, rawjson")->type_name("MODE");
  app.add_flag("-q,--quiet", o.quiet, "Print just the image id");
  app.add_option("--iidfile", o.iid_file, "Write the image id to a file")->type_name("FILE");
  app.add_option("--metadata-file", o.metadata_file, "Write facts about the result to a JSON file")->type_name("FILE");
  add_list(app, "--secret", o.secrets, "Secret for RUN --mount=type=secret: id=NAME[,src=FILE|,env=VARIABLE]", "SPEC");
  add_list(app, "--ssh", o.ssh, "Agent socket for RUN --mount=type=ssh: default or id=SOCKET", "SPEC");
  add_list(app, "--add-host", o.add_hosts, "Line of /etc/hosts in RUN", "HOST:IP")->delimiter(',');
  add_list(app, "--allow", o.allow, "Entitlement: network.host, security.insecure", "NAME")->delimiter(',');
  add_list(app, "--ulimit", o.ulimits, "Resource limit in RUN", "NAME=SOFT[:HARD]");
  add_list(app, "--annotation", o.annotations, "Annotation of the manifest", "K=V");
  app.add_option("--shm-size", o.shm_size, "Size of /dev/shm in RUN")->type_name("BYTES");
  app.add_option("--cgroup-parent", o.cgroup_parent, "Parent cgroup of RUN")->type_name("CGROUP");
  app.add_option("--network", o.network, "Network of RUN: default, host, none")->type_name("MODE");
  app.add_option("--call,--print", o.call, "What to do: build, check, outline, targets; with \",format=json\" as JSON")
      ->type_name("METHOD");
  app.add_flag("--check{check}", o.call, "Check the Dockerfile without building: short for --call=check");
  app.add_option("--jobs", o.jobs, "Steps at work at once (default: depends on the machine)")->type_name("N");
  app.add_flag("-D,--debug{log}", o.debug, "Say more, a comma list: --debug=stats (timers, counters), explain (why a "
               "step missed the cache), log");
  for (CLI::Option* option : app.get_options()) option->group(kGroup);
  for (const KnownFlag& flag : kIgnored) {
    CLI::Option* option = flag.takes_value ? app.add_option(flag.name) : app.add_flag(flag.name);
    option->group("");
  }
  for (const KnownFlag& flag : kNotYet) {
    CLI::Option* option = flag.takes_value ? app.add_option(flag.name) : app.add_flag(flag.name);
    option->group("");
  }
}

void refuse_flags_of_buildx(const CLI::App& app) {
  for (const KnownFlag& flag : kNotYet) {
    const std::string names = flag.name;
    const std::string longest = names.substr(names.find("--"));
    if (app.get_option(longest)->count() > 0) {
      throw UsageError(fmt::format("flag `{}` of `docker buildx build`: not supported by this version of builder", longest));
    }
  }
}

/// "--tagg=x: unknown flag (did you mean --tag?)".
UsageError unknown_arguments(const CLI::App& app, const std::vector<std::string>& extras) {
  const std::string& word = extras.front();
  if (word.empty() || word[0] != '-') {
    return UsageError(fmt::format("`builder build` takes exactly one PATH, and there is also `{}`", word),
                      "usage: builder build [OPTIONS] PATH");
  }
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const auto near = util::suggest(flag, known);
  return UsageError(fmt::format("unknown flag: {}{}", flag, near ? " (did you mean " + *near + "?)" : ""),
                    "see `builder build --help`");
}

UsageError unknown_command(const CLI::App& app, const std::string& word) {
  if (word.starts_with('-')) return UsageError(fmt::format("unknown flag: {}", word), "see `builder --help`");
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  const auto near = util::suggest(word, commands);
  return UsageError(fmt::format("`{}` is not a command of builder{}", word, near ? " (did you mean " + *near + "?)" : ""),
                    "see `builder --help`");
}

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  CLI::App app("builder makes container images from Dockerfiles: no daemon, no container runtime, no root needed.", "builder");
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.set_help_all_flag("", "");
  CommandLine line;

  CLI::App* build = app.add_subcommand("build", "Build an image from a Dockerfile");
  add_build_options(*build, line.build);
  build->allow_extras();
  build->footer("Without --output the image goes to the local store, under the names of --tag.");

  CLI::App* version = app.add_subcommand("version", "Print the version");
  std::string version_format;
  version->add_option("--format", version_format, "json")->type_name("FORMAT");

  CLI::App* help = app.add_subcommand("help", "Print help for a command");
  std::string help_topic;
  help->add_option("COMMAND", help_topic, "build, version, debug")->type_name("");

  CLI::App* debug = app.add_subcommand("debug", "Look inside a build");
  debug->require_subcommand(1);
  CLI::App* dump = debug->add_subcommand("dump-llb", "Print the graph that a Dockerfile is lowered to");
  add_build_options(*dump, line.build);
  dump->add_option("--dump-format", line.dump_format, "json or dot")->type_name("FORMAT");

  bool show_version = false;
  app.add_flag("-v,--version", show_version, "Print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* shown = &app;
    std::string path;
    while (!shown->get_subcommands().empty()) {
      path += (path.empty() ? "" : " ") + shown->get_name();
      shown = shown->get_subcommands().front();
    }
    line.text = shown->help(path);
    return line;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what(), "see `builder --help`");
  }

  if (!app.remaining().empty()) throw unknown_command(app, app.remaining().front());
  if (show_version || version->parsed()) {
    line.command = CommandLine::Command::version;
    line.json = version_format == "json";
    return line;
  }
  if (help->parsed()) {
    const CLI::App* topic = &app;
    if (!help_topic.empty()) {
      const auto commands = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == help_topic; });
      if (commands.empty()) throw UsageError(fmt::format("`{}` is not a command of builder", help_topic), "see `builder --help`");
      topic = commands.front();
    }
    line.text = topic->help(topic == &app ? "" : app.get_name());
    return line;
  }
  if (build->parsed() || dump->parsed()) {
    CLI::App& used = build->parsed() ? *build : *dump;
    if (!used.remaining().empty()) throw unknown_arguments(used, used.remaining());
    refuse_flags_of_buildx(used);
    if (line.build.context.empty()) {
      throw UsageError("`builder build` needs exactly one argument: the build context",
                       "usage: builder build [OPTIONS] PATH; for the current directory: builder build .");
    }
    line.command = build->parsed() ? CommandLine::Command::build : CommandLine::Command::debug_dump_llb;
    return line;
  }
  line.text = app.help();
  return line;
}

}  // namespace builder
