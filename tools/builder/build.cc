#include "tools/builder/build.h"

#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <iostream>
#include <set>
#include <system_error>

#include "cache/cache_dir.h"
#include "cache/damage.h"
#include "executor/sandbox.h"
#include "executor/user_namespace.h"
#include "exporter/exporter.h"
#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/lint.h"
#include "frontend/dockerfile/parser.h"
#include "llb/codec.h"
#include "oci/registry.h"
#include "solver/ops/background_packer.h"
#include "solver/ops/op_factory.h"
#include "solver/solver.h"
#include "source/git_source.h"
#include "source/http_source.h"
#include "source/image_source.h"
#include "source/local_source.h"
#include "tools/builder/base_images.h"
#include "tools/builder/build_context.h"
#include "tools/builder/context_remote.h"
#include "tools/builder/garbage.h"
#include "tools/builder/request.h"
#include "tools/builder/result_files.h"
#include "tools/builder/run_options.h"
#include "tools/builder/source_time.h"
#include "tools/builder/usage_error.h"
#include "tools/images/engine.h"
#include "tools/images/load_into_engine.h"
#include "tools/progress/display.h"
#include "util/log.h"
#include "util/scope_exit.h"
#include "util/stats.h"
#include "util/text.h"

namespace builder {
namespace {

bool debug_asks_for(const BuildOptions& options, std::string_view what) {
  for (const std::string& word : util::split(options.debug, ',')) {
    if (util::trim(word) == what) return true;
  }
  return false;
}

/// Everything with a life of one build; the order of the members is the order of construction.
struct Machine {
  Machine(const BuildOptions& options, const std::filesystem::path& root, util::ProgressSink& progress, std::stop_token stop)
      : secrets(make_secret_store(options)),
        cache(root),
        images(cache.content(), cache.layers(), cache.images(), cache.records(), registry, progress, {options.pull, stop}),
        locals(cache.stat_directory(), cache.temporary()),
        https(cache.content(), cache.records(), "builder/" BUILDER_VERSION, secret_lookup()),
        gits({cache.root() / "git", cache.temporary(), cache.stat_directory(), secret_lookup(), secrets.ssh_socket("default").value_or("")}),
        sandbox(cache.temporary()) {
    cache.layers().set_fetcher([this](const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task,
                                      std::stop_token fetch_stop) { images.fetch_blob(blob, origin, task, fetch_stop); });
  }

  source::SecretLookup secret_lookup() {
    return [this](const std::string& id) { return secrets.value(id); };
  }

  ops::SecretStore secrets;
  cache::CacheDir cache;
  oci::RegistryClient registry;
  source::ImageSource images;
  source::LocalSource locals;
  source::HttpSource https;
  source::GitSource gits;
  executor::SandboxExecutor sandbox;
};

dockerfile::Dockerfile load_definition(const BuildContext& context, util::ProgressSink& progress,
                                       std::vector<dockerfile::Warning>& warnings) {
  util::ProgressTask task(progress, "[internal] load build definition from " + context.dockerfile->name);
  dockerfile::Dockerfile parsed = dockerfile::parse(context.dockerfile, warnings);
  const auto size = static_cast<std::int64_t>(context.dockerfile->text.size());
  task.bytes("reading dockerfile:", size, size, true);
  task.done();
  // The rules were read with the context; the step is what people look for.
  if (context.vertex != nullptr) util::ProgressTask(progress, "[internal] load .dockerignore").done();
  return parsed;
}

/// Findings of parser and compiler that the Dockerfile, or BUILDKIT_DOCKERFILE_CHECK instead, does not switch off.
std::vector<dockerfile::Warning> wanted_warnings(const dockerfile::Dockerfile& parsed, const dockerfile::FrontendRequest& request,
                                                 std::vector<dockerfile::Warning> warnings, bool& fatal) {
  const dockerfile::LintOptions options = dockerfile::lint_options(parsed, request);
  fatal = options.error;
  return dockerfile::select_warnings(std::move(warnings), options);
}

void emit_warnings(const std::vector<dockerfile::Warning>& warnings, const std::string& file, util::ProgressSink& progress) {
  for (const dockerfile::Warning& warning : warnings) {
    util::TaskWarning event;
    event.short_text = fmt::format("{}: {}", warning.rule, warning.message);
    event.detail = {warning.description};
    event.url = warning.url;
    event.file = file;
    event.first_line = warning.range.first;
    event.last_line = warning.range.last;
    progress.emit(std::move(event));
  }
}

/// `# syntax` may name another frontend; there is just the built-in one, and whoever relies on another should know.
void warn_about_syntax(const dockerfile::Dockerfile& parsed, const dockerfile::FrontendRequest& request,
                       util::ProgressSink& progress) {
  const auto override = request.build_args.find("BUILDKIT_SYNTAX");
  const std::string& syntax = override == request.build_args.end() ? parsed.syntax : override->second;
  const std::string_view image = std::string_view(syntax).substr(0, syntax.find(' '));
  if (image.empty() || image == "dockerfile.v0") return;
  for (std::string_view known : {"docker/dockerfile", "docker.io/docker/dockerfile"}) {
    if (image.starts_with(known)) return;
  }
  util::TaskWarning event;
  event.short_text = fmt::format("frontend `{}` is not used: this is read as a Dockerfile by the built-in frontend", image);
  event.detail = {"builder has no other frontends; instructions that only that one knows are errors"};
  event.file = parsed.source->name;
  progress.emit(std::move(event));
}

/// Accepted as by `docker buildx build`, which does as little.
void warn_about_squash(util::ProgressSink& progress) {
  util::TaskWarning event;
  event.short_text = "--squash has no effect";
  event.detail = {"files go into one layer where a last stage copies them: COPY --from=STAGE / /"};
  progress.emit(std::move(event));
}

/// The graph; warnings are shown even when lowering fails. Throws util::Error when the Dockerfile wants warnings to be errors.
dockerfile::FrontendResult lower(const dockerfile::Dockerfile& parsed, const dockerfile::FrontendRequest& request,
                                 oci::ImageResolver& resolver, std::vector<dockerfile::Warning> warnings,
                                 util::ProgressSink& progress) {
  const util::ScopedTimer timer("compile");
  std::vector<dockerfile::Warning> found;
  bool fatal = false;
  const auto show = [&] {
    warnings.insert(warnings.end(), found.begin(), found.end());
    warnings = wanted_warnings(parsed, request, std::move(warnings), fatal);
    emit_warnings(warnings, parsed.source->name, progress);
  };
  warn_about_syntax(parsed, request, progress);
  dockerfile::FrontendResult frontend;
  try {
    frontend = dockerfile::compile(parsed, request, resolver, &found);
  } catch (const util::Error&) {
    show();
    throw;
  }
  show();
  if (fatal && !warnings.empty()) {
    std::set<std::string> rules;
    for (const dockerfile::Warning& warning : warnings) rules.insert(warning.rule);
    const std::vector<std::string> names(rules.begin(), rules.end());
    throw util::Error("lint violation found for rules: " + util::join(names, ", "), "the Dockerfile says `check=error=true`");
  }
  return frontend;
}

std::vector<llb::VertexRef> roots_of(const dockerfile::FrontendResult& frontend) {
  std::vector<llb::VertexRef> roots;
  for (const dockerfile::PlatformResult& result : frontend.platforms) roots.push_back(result.root);
  return roots;
}

/// Layers are packed while they are made when an image of them is going to be written.
std::optional<cache::PackOptions> wanted_pack(const std::vector<exporter::OutputSpec>& outputs) {
  for (const exporter::OutputSpec& output : outputs) {
    if (output.type == "image" || output.type == "oci" || output.type == "docker" || output.type == "registry") return output.pack;
  }
  return std::nullopt;
}

std::vector<exporter::PlatformImage> images_of(const dockerfile::FrontendResult& frontend, const solver::SolveResult& solved) {
  std::vector<exporter::PlatformImage> images;
  for (std::size_t i = 0; i < frontend.platforms.size(); ++i) {
    const dockerfile::PlatformResult& result = frontend.platforms[i];
    images.push_back({result.platform, solved.roots[i].layers, result.config, result.base_history, result.source_date_epoch});
  }
  return images;
}

struct Output {
  exporter::ExportRequest request;
  std::unique_ptr<exporter::Exporter> exporter;
};

/// Exporters are made, and their destinations checked, before anything runs.
std::vector<Output> prepare_outputs(const BuildOptions& options, const dockerfile::FrontendRequest& request,
                                    exporter::ExportServices services) {
  const std::vector<oci::Reference> tags = parse_tags(options);
  std::vector<Output> outputs;
  for (exporter::OutputSpec& spec : parse_outputs(options)) {
    Output output;
    output.request.names = tags;
    for (const std::string& name : spec.names) output.request.names.push_back(oci::Reference::parse(name));
    for (const oci::Platform& platform : request.platforms) output.request.images.push_back({platform, {}, {}, 0, {}});
    output.request.index = request.multi_platform;
    output.exporter = exporter::make_exporter(spec, services);
    output.request.output = std::move(spec);
    output.exporter->check(output.request);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

/// Of the first output that has layers in the form in which they are packed, and wants them early; null when there is none.
cache::LayerFollower* find_follower(const std::vector<Output>& outputs, const std::optional<cache::PackOptions>& pack) {
  for (const Output& output : outputs) {
    if (pack != output.request.output.pack) continue;
    if (cache::LayerFollower* follower = output.exporter->follower(output.request)) return follower;
  }
  return nullptr;
}

/// Throws cache::Damage only if all outputs may be made again.
std::vector<exporter::ExportReport> export_all(std::vector<Output>& outputs, const std::vector<exporter::PlatformImage>& images,
                                               const std::stop_token& stop) {
  std::vector<exporter::ExportReport> reports;
  bool sent = false;  // to standard output, from where nothing can be taken back
  for (Output& output : outputs) {
    output.request.images = images;
    try {
      reports.push_back(output.exporter->run(output.request, stop));
    } catch (const cache::Damage& damage) {
      if (sent) throw util::Error(damage.message(), damage.hint());
      throw;
    }
    sent = sent || output.request.output.destination == "-";
  }
  return reports;
}

/// --load: the image that went into the local store.
void hand_over(Engine& engine, const std::vector<Output>& outputs, const std::vector<exporter::ExportReport>& reports,
               Machine& machine, util::ProgressSink& progress, const std::stop_token& stop) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const exporter::ExportRequest& request = outputs[i].request;
    if (request.output.type != "image" || !reports[i].descriptor) continue;
    return load_into_engine(engine, *reports[i].descriptor, request.names, machine.cache, progress, stop);
  }
}

ops::OpServices make_services(const BuildOptions& options, executor::ResourceLimits limits, Machine& machine, const std::vector<llb::VertexRef>& roots,
                              const std::vector<exporter::OutputSpec>& outputs, const dockerfile::FrontendRequest& request) {
  ops::OpServices services{.layers = machine.cache.layers(),
                           .snapshots = machine.cache.snapshots(),
                           .mounts = machine.cache.mounts(),
                           .executor = machine.sandbox,
                           .secrets = machine.secrets,
                           .pack = wanted_pack(outputs),
                           .temporary = machine.cache.temporary(),
                           .limits = std::move(limits),
                           .devices = make_device_policy(options)};
  services.sources.image = &machine.images;
  services.sources.local = &machine.locals;
  services.sources.http = &machine.https;
  services.sources.git = &machine.gits;
  if (services.pack) services.packed_vertices = ops::vertices_in_result(roots);
  services.mounted_vertices = ops::vertices_needing_directories(roots);
  if (roots.size() == 1) services.followed_vertices = ops::vertices_in_line(roots[0]);
  if (const auto found = request.build_args.find("BUILDKIT_CACHE_MOUNT_NS"); found != request.build_args.end()) {
    services.cache_mount_namespace = found->second;
  }
  return services;
}

/// Runs on a thread of its own until the future goes; at once where there are no threads to be had.
std::future<void> save_meanwhile(const std::function<void()>& save) {
  try {
    return std::async(std::launch::async, save);
  } catch (const std::system_error&) {
    save();
    return {};
  }
}

void run_build(const BuildOptions& options, const std::filesystem::path& cache_root, progress::Display& display,
               std::stop_token stop) {
  // What is wrong with flags is said before anything is done.
  executor::ResourceLimits limits = make_resource_limits(options);
  if (options.squash) warn_about_squash(display);

  // The program's parts: the cache root is opened and locked shared here.
  Machine machine(options, cache_root, display, stop);
  const auto save = [&] {
    machine.locals.save();
    machine.gits.save();
  };
  const util::ScopeExit save_at_the_end(save);

  // Text -> stages -> graph and config. Base images are resolved, no layer byte moves.
  const RemoteSources remote{machine.https, machine.gits, machine.cache.content(), display, stop};
  const BuildContext context = open_build_context(options, &remote);
  std::vector<dockerfile::Warning> warnings;
  const dockerfile::Dockerfile parsed = load_definition(context, display, warnings);
  dockerfile::FrontendRequest request = make_frontend_request(options, context);
  request.source_time = make_source_time(remote);
  const std::unique_ptr<Engine> engine = options.load ? find_engine() : nullptr;
  std::vector<Output> outputs = prepare_outputs(options, request, {machine.cache, machine.registry, display});
  const dockerfile::FrontendResult frontend = lower(parsed, request, machine.images, std::move(warnings), display);

  const std::vector<llb::VertexRef> roots = roots_of(frontend);
  std::vector<exporter::OutputSpec> specs;
  for (const Output& output : outputs) specs.push_back(output.request.output);
  ops::OpServices services = make_services(options, std::move(limits), machine, roots, specs, request);
  services.follower = find_follower(outputs, services.pack);
  std::optional<ops::BackgroundPacker> packer;
  if (services.pack) services.packer = &packer.emplace(machine.cache.layers(), *services.pack);
  const auto reports = cache::retry_after_damage([&] {
    // Graph -> layers. Only what the target needs; cached steps are one look-up each.
    solver::Solver solver(ops::make_op_factory(services), machine.cache.results(), display,
                          {options.jobs, debug_asks_for(options, "explain")});
    const solver::SolveResult solved = [&] {
      const util::ScopedTimer timer("solve");
      return solver.solve(roots, stop);
    }();

    // Layers -> outputs. From here on nothing of the Dockerfile runs any more, and no more files are learned of.
    const std::future<void> saving = save_meanwhile([&] {
      save();
      machine.cache.records().write_back();
    });
    const util::ScopedTimer timer("export");
    std::vector<exporter::ExportReport> made = export_all(outputs, images_of(frontend, solved), stop);
    if (engine) hand_over(*engine, outputs, made, machine, display, stop);
    return made;
  });
  write_result_files(options, reports);
}

void print_stats() {
  for (const auto& [name, value] : util::all_counters()) std::cerr << fmt::format("stat {} {}\n", name, value);
}

}  // namespace

void build(const BuildOptions& options, const std::filesystem::path& cache_root, std::stop_token stop) {
  util::set_debug_logging(debug_asks_for(options, "log"));
  check_garbage_setting();
  remove_stale_result_files(options);
  // Also after a build that failed: the disk may have been full.
  const util::ScopeExit tidy_up([&] {
    if (!stop.stop_requested()) collect_garbage_after_build(options, cache_root);
  });
  const auto display =
      options.quiet ? progress::make_quiet_display() : progress::make_display({options.progress, STDERR_FILENO});
  bool success = false;
  {
    const util::ScopeExit finish([&] { display->finish(success); });
    run_build(options, cache_root, *display, stop);
    success = true;
  }
  if (debug_asks_for(options, "stats")) print_stats();
}

void dump_llb(const BuildOptions& options, const std::filesystem::path& cache_root, const std::string& format) {
  const auto display = progress::make_quiet_display();
  Machine machine(options, cache_root, *display, {});
  const RemoteSources remote{machine.https, machine.gits, machine.cache.content(), *display, {}};
  const BuildContext context = open_build_context(options, &remote);
  std::vector<dockerfile::Warning> warnings;
  const dockerfile::Dockerfile parsed = dockerfile::parse(context.dockerfile, warnings);
  const auto images = make_base_images(options, machine.images, WhenUnresolved::fail);
  dockerfile::FrontendRequest request = make_frontend_request(options, context);
  if (options.base != "empty") request.source_time = make_source_time(remote);
  const auto frontend = dockerfile::compile(parsed, request, *images);
  const std::vector<llb::VertexRef> roots = roots_of(frontend);
  if (format == "json") {
    std::cout << llb::dump_json(roots) << '\n';
  } else if (format == "dot") {
    std::cout << llb::dump_dot(roots);
  } else {
    throw UsageError(fmt::format("--dump-format `{}`: unknown", format), "known: json, dot");
  }
}

}  // namespace builder
