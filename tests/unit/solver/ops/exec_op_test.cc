#include "solver/ops/exec_op.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "solver/ops/process_failed.h"
#include "tests/support/memory_files.h"
#include "tests/support/op_stores.h"
#include "util/error.h"
#include "util/fd.h"

using executor::ProcessIo;
using executor::RunOutcome;
using solver::Result;
using Call = test::FakeExecutor::Call;
using Lines = std::vector<std::string>;

namespace {

llb::ExecOp shell(const std::string& command) {
  llb::ExecOp op;
  op.args = {"/bin/sh", "-c", command};
  op.env = {"A=1"};
  return op;
}
llb::VertexRef exec_vertex(llb::ExecOp op, std::vector<llb::VertexRef> inputs = {nullptr}, bool ignore_cache = false) {
  llb::VertexMeta meta;
  meta.instruction = "RUN";
  meta.ignore_cache = ignore_cache;
  return llb::make_vertex(std::move(op), std::move(inputs), meta);
}
llb::MountSpec mount(llb::MountType type, const std::string& target) {
  llb::MountSpec spec;
  spec.type = type;
  spec.target = target;
  return spec;
}
llb::VertexRef context_vertex() {
  return llb::make_vertex(llb::LocalSource{"context", "/context", {}}, {}, {});
}
Result context_with(const std::vector<std::pair<std::string, std::string>>& files) {
  auto tree = std::make_shared<cache::MemoryTree>();
  for (const auto& [path, content] : files) tree->add(test::file(path), content);
  return {{}, tree};
}
std::filesystem::path root_of(const Call& call) {
  return call.plan.root.at(0).source;
}

}  // namespace

TEST_CASE("what a process changes is a layer above the chain it ran on") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.executor.behaviour = [](const Call& call, const ProcessIo& io) {
    std::ofstream(root_of(call) / "made") << "by run";
    io.output(1, "hello\n");
    return RunOutcome();
  };
  const auto vertex = exec_vertex(shell("make"));
  const Result result = stores.run(vertex, {{}});
  REQUIRE(result.layers.size() == 1);
  CHECK(stores.read(result, "made") == "by run");
  CHECK(stores.progress.all<util::TaskLog>(vertex->digest()).at(0).data == "hello\n");
  CHECK(stores.run(exec_vertex(shell("again"), {vertex}), {result}).layers.size() == 2);
}

TEST_CASE("a process that changes nothing still gives a layer") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  CHECK(stores.run(exec_vertex(shell("true")), {{}}).layers.size() == 1);
}

TEST_CASE("a failed process is reported with its command, exit code and last lines") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.executor.behaviour = [](const Call&, const ProcessIo& io) {
    io.output(2, "bad\nworse");
    RunOutcome outcome;
    outcome.status.code = 7;
    return outcome;
  };
  try {
    stores.run(exec_vertex(shell("exit 7")), {{}});
    FAIL("no error");
  } catch (const ops::ProcessFailed& error) {
    CHECK(error.message() == "process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7");
    CHECK(error.log_tail() == Lines{"bad", "worse"});
    CHECK(error.status().code == 7);
  }
  stores.executor.behaviour = [](const Call&, const ProcessIo&) {
    RunOutcome outcome;
    outcome.status.signal = 9;
    outcome.out_of_memory = true;
    return outcome;
  };
  CHECK_THROWS_WITH_AS(stores.run(exec_vertex(shell("eat")), {{}}),
                       "process \"/bin/sh -c eat\" did not complete successfully: exit code: 137: out of memory",
                       ops::ProcessFailed);
}

TEST_CASE("a process that met a full disk is reported with what to do") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  std::string said;
  stores.executor.behaviour = [&](const Call&, const ProcessIo& io) {
    io.output(2, said);
    RunOutcome outcome;
    outcome.status.code = 1;
    return outcome;
  };
  const auto hint_after = [&](std::string output) -> std::string {
    said = std::move(output);
    try {
      stores.run(exec_vertex(shell("fill")), {{}});
    } catch (const ops::ProcessFailed& error) {
      return error.hint();
    }
    return "no error";
  };
  CHECK(hint_after("cat: write error: No space left on device\n").find("`builder prune`") != std::string::npos);
  CHECK(hint_after("cat: write error: Input/output error\n").empty());
}

TEST_CASE("the process gets its environment, user, limits and network") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.services.limits.memory = 1 << 20;
  llb::ExecOp op = shell("env");
  op.proxy_env = {"http_proxy=p"};
  op.user = "u";
  op.cwd = "/w";
  op.network = llb::NetworkMode::none;
  op.ulimits = {{"nofile", 1, 2}};
  op.extra_hosts = {{"h", "1.2.3.4"}};
  stores.run(exec_vertex(op), {{}});
  const executor::ProcessSpec& process = stores.executor.calls().at(0).process;
  CHECK(process.env ==
        Lines{"A=1", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "http_proxy=p"});
  CHECK(process.user == "u");
  CHECK(process.cwd == "/w");
  CHECK(process.network == executor::NetworkMode::none);
  CHECK(process.limits.memory == 1 << 20);
  CHECK(process.limits.ulimits.at(0).hard == 2);
  CHECK(process.extra_hosts.at(0).second == "1.2.3.4");
  CHECK(process.shm_size == 64u << 20);
}

TEST_CASE("secrets and sockets are handed to the sandbox, missing ones matter only when required") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.dir.write("key", "hush");
  stores.secrets.add("key", {false, stores.dir / "key"});
  stores.secrets.add_ssh("default", "/agent");
  llb::ExecOp op = shell("use");
  llb::MountSpec secret = mount(llb::MountType::secret, "/run/secrets/key");
  secret.id = "key";
  secret.env = "KEY";
  llb::MountSpec missing = mount(llb::MountType::secret, "/run/secrets/none");
  missing.id = "none";
  missing.env = "NONE";
  op.mounts = {secret, missing, mount(llb::MountType::ssh, "")};
  stores.run(exec_vertex(op), {{}});
  const Call& call = stores.executor.calls().at(0);
  REQUIRE(call.plan.files.size() == 1);
  CHECK(call.plan.files[0].content == "hush");
  CHECK(call.plan.files[0].mode == 0400);
  CHECK(call.plan.sockets.at(0).target == "/run/buildkit/ssh_agent.0");
  const Lines env = call.process.env;
  CHECK(std::vector(env.end() - 3, env.end()) == Lines{"KEY=hush", "NONE=", "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"});

  missing.required = true;
  op.mounts = {missing};
  CHECK_THROWS_WITH_AS(stores.run(exec_vertex(op), {{}}), "secret `none` is required by this step and was not given",
                       util::Error);
  llb::MountSpec agent = mount(llb::MountType::ssh, "");
  agent.id = "other";
  agent.required = true;
  op.mounts = {agent};
  CHECK_THROWS_WITH_AS(stores.run(exec_vertex(op), {{}}),
                       "ssh agent `other` is required by this step and was not given", util::Error);
}

TEST_CASE("secret values are in no key, no summary and no error") {
  test::OpStores stores;
  stores.dir.write("key", "hush");
  stores.secrets.add("key", {false, stores.dir / "key"});
  llb::ExecOp op = shell("use");
  llb::MountSpec secret = mount(llb::MountType::secret, "/s");
  secret.id = "key";
  op.mounts = {secret};
  const auto vertex = exec_vertex(op);
  solver::OpContext context{stores.progress, vertex->digest(), {}, true};
  const solver::CacheMap before = stores.factory(vertex)->cache_map(context);
  stores.dir.write("key", "other");
  const solver::CacheMap after = stores.factory(vertex)->cache_map(context);
  CHECK(before.op_digest == after.op_digest);
  for (const auto& [label, value] : before.summary.parts) CHECK(value.find("hush") == std::string::npos);
}

TEST_CASE("a local directory is mounted as its ignore rules leave it, a part of it by its path") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  llb::ExecOp op = shell("ls");
  llb::MountSpec all = mount(llb::MountType::bind, "/src");
  all.input = 1;
  all.read_only = true;
  llb::MountSpec part = all, one = all;
  part.source = "sub";
  part.target = "/part";
  one.source = "sub/file";
  one.target = "/one";
  op.mounts = {all, part, one};
  stores.executor.behaviour = [](const Call& call, const ProcessIo&) {
    const auto& extra = call.plan.extra;
    REQUIRE(extra.size() == 3);
    CHECK(extra[0].target == "/one");
    CHECK(util::read_file(extra[0].source) == "text");
    CHECK(util::read_file(std::filesystem::path(extra[1].source) / "file") == "text");
    CHECK(util::read_file(std::filesystem::path(extra[2].source) / "sub/file") == "text");
    CHECK(extra[2].read_only);
    return RunOutcome();
  };
  stores.run(exec_vertex(op, {nullptr, context_vertex()}), {{}, context_with({{"sub/file", "text"}})});
  CHECK(stores.executor.calls().size() == 1);

  op.mounts = {all};
  op.mounts[0].source = "missing";
  CHECK_THROWS_WITH_AS(
      stores.run(exec_vertex(op, {nullptr, context_vertex()}), {{}, context_with({{"sub/file", "text"}})}),
      "\"/missing\": not found", util::Error);
}

TEST_CASE("writes to a writable bind are thrown away") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  llb::ExecOp op = shell("write");
  llb::MountSpec bind = mount(llb::MountType::bind, "/src");
  bind.input = 1;
  op.mounts = {bind};
  const Result context = context_with({{"file", "text"}});
  const auto vertex = exec_vertex(op, {nullptr, context_vertex()});
  for (int i = 0; i < 2; ++i) {
    stores.executor.behaviour = [](const Call& call, const ProcessIo&) {
      const std::filesystem::path source = call.plan.extra.at(0).source;
      CHECK_FALSE(call.plan.extra[0].read_only);
      CHECK(util::read_file(source / "file") == "text");
      std::ofstream(source / "file") << "changed";
      return RunOutcome();
    };
    const Result result = stores.run(vertex, {{}, context});
    CHECK(stores.layers.listing(result.layers[0])->empty());
  }
}

TEST_CASE("mounts of a stage show its layers, and nothing is an empty directory") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.executor.behaviour = [](const Call& call, const ProcessIo&) {
    std::filesystem::create_directories(root_of(call) / "opt/tool");
    std::ofstream(root_of(call) / "opt/tool/bin") << "tool";
    return RunOutcome();
  };
  const auto stage = exec_vertex(shell("install"));
  const Result tools = stores.run(stage, {{}});
  llb::ExecOp op = shell("use");
  llb::MountSpec bind = mount(llb::MountType::bind, "/tool");
  bind.input = 1;
  bind.source = "/opt/tool";
  bind.read_only = true;
  llb::MountSpec empty = mount(llb::MountType::bind, "/empty");
  empty.read_only = true;
  op.mounts = {bind, empty};
  stores.executor.behaviour = [](const Call& call, const ProcessIo&) {
    CHECK(std::filesystem::is_empty(call.plan.extra.at(0).source));
    CHECK(util::read_file(std::filesystem::path(call.plan.extra.at(1).source) / "bin") == "tool");
    return RunOutcome();
  };
  stores.run(exec_vertex(op, {nullptr, stage}), {{}, tools});
}

TEST_CASE("a cache keeps what was written between steps, by id, owner and mode") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  llb::MountSpec cache = mount(llb::MountType::cache, "/c");
  cache.mode = 0700;
  cache.uid = 3;
  cache.gid = 4;
  llb::ExecOp op = shell("a");
  op.mounts = {cache};
  std::string seen;
  stores.executor.behaviour = [&](const Call& call, const ProcessIo&) {
    const std::filesystem::path directory = call.plan.extra.at(0).source;
    struct stat status {};
    REQUIRE(stat(directory.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
    CHECK(status.st_uid == 3);
    seen = std::filesystem::exists(directory / "f") ? "full" : "empty";
    std::ofstream(directory / "f") << "x";
    return RunOutcome();
  };
  stores.run(exec_vertex(op), {{}});
  CHECK(seen == "empty");
  op.args = {"b"};
  stores.run(exec_vertex(op), {{}});
  CHECK(seen == "full");
  // Without the cache it is emptied, once per build.
  stores.run(exec_vertex(op, {nullptr}, true), {{}});
  CHECK(seen == "empty");
  op.args = {"c"};
  stores.run(exec_vertex(op, {nullptr}, true), {{}});
  CHECK(seen == "full");
}

TEST_CASE("a cache can begin with files of a stage, and a part of it cannot lead out of it") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  auto tree = std::make_shared<cache::MemoryTree>();
  tree->add(test::file("sub/file", 0600, 5, 6), "seed");
  tree->add(test::symlink("escape", "/etc"));
  llb::MountSpec cache = mount(llb::MountType::cache, "/c");
  cache.input = 1;
  cache.source = "sub";
  llb::ExecOp op = shell("a");
  op.mounts = {cache};
  stores.executor.behaviour = [](const Call& call, const ProcessIo&) {
    CHECK(util::read_file(std::filesystem::path(call.plan.extra.at(0).source) / "file") == "seed");
    return RunOutcome();
  };
  stores.run(exec_vertex(op, {nullptr, context_vertex()}), {{}, {{}, tree}});
  CHECK(stores.executor.calls().size() == 1);
  op.mounts[0].source = "escape";
  CHECK_THROWS_AS(stores.run(exec_vertex(op, {nullptr, context_vertex()}), {{}, {{}, tree}}), util::Error);
}

TEST_CASE("tmpfs and scripts are part of the plan") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  llb::ExecOp op = shell("a");
  llb::MountSpec tmpfs = mount(llb::MountType::tmpfs, "/t");
  tmpfs.size = 4096;
  op.mounts = {tmpfs};
  op.scripts = {{"EOF", "echo"}};
  stores.run(exec_vertex(op), {{}});
  const Call& call = stores.executor.calls().at(0);
  CHECK(call.plan.extra.at(0).type == util::Mount::Type::tmpfs);
  CHECK(call.plan.extra.at(0).size == 4096);
  CHECK(call.plan.files.at(0).target == "/dev/pipes/EOF");
  CHECK(call.plan.files.at(0).mode == 0755);
}

TEST_CASE("a device that is required and not there is an error, one that is not is left out") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  llb::ExecOp op = shell("a");
  op.devices = {{"vendor.com/gpu=all", true}};
  CHECK_THROWS_AS(stores.run(exec_vertex(op), {{}}), util::Error);
  op.devices[0].required = false;
  stores.run(exec_vertex(op), {{}});
  CHECK(stores.executor.calls().at(0).plan.extra.empty());
}

TEST_CASE("a device brings its nodes, mounts and variables, when it may be used") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.dir.write("cdi/v.json", R"({"kind":"v.com/d","containerEdits":{"env":["COMMON=1"]},"devices":[
      {"name":"a","containerEdits":{"env":["A=device"],"deviceNodes":[{"path":"/dev/inside","hostPath":"/dev/null"}],
       "mounts":[{"hostPath":"/usr","containerPath":"/mnt/usr","options":["ro","rbind"]}],
       "hooks":[{"hookName":"createContainer","path":"/bin/true"}]}},
      {"name":"b","annotations":{"org.mobyproject.buildkit.device.autoallow":"true"},"containerEdits":{"env":["B=1"]}},
      {"name":"gone","containerEdits":{"deviceNodes":[{"path":"/dev/builder-test-no-such-node"}]}}]})");
  setenv("BUILDER_CDI_SPEC_DIRS", (stores.dir / "cdi").c_str(), 1);
  llb::ExecOp op = shell("a");
  op.devices = {{"v.com/d=a", false}, {"v.com/d=b", false}};
  CHECK_THROWS_WITH_AS(stores.run(exec_vertex(op), {{}}), "device `v.com/d=a` may not be used by this step", util::Error);
  CHECK(stores.executor.calls().empty());
  for (const char* allowed : {"v.com/d=a", "v.com/d"}) {
    stores.services.devices = {false, {allowed}};
    stores.run(exec_vertex(op), {{}});
    const Call call = stores.executor.calls().back();
    CHECK(std::count(call.process.env.begin(), call.process.env.end(), "A=1") == 0);
    for (const char* variable : {"COMMON=1", "A=device", "B=1"}) {
      CHECK(std::count(call.process.env.begin(), call.process.env.end(), variable) == 1);
    }
    REQUIRE(call.plan.extra.size() == 2);
    CHECK(call.plan.extra[0].source == "/dev/null");
    CHECK(call.plan.extra[0].target == "/dev/inside");
    CHECK_FALSE(call.plan.extra[0].no_dev);
    CHECK(call.plan.extra[1].read_only);
    CHECK(call.plan.extra[1].recursive);
    CHECK(stores.progress.all<util::TaskWarning>(exec_vertex(op)->digest()).back().short_text == "hooks of device `v.com/d=a` are not run");
  }
  stores.services.devices = {true, {}};
  op.devices = {{"v.com/d=gone", false}};
  CHECK_THROWS_AS(stores.run(exec_vertex(op), {{}}), util::Error);
  op.devices = {{"v.com/d=b", false}};
  stores.services.devices = {};
  stores.run(exec_vertex(op), {{}});  // allows itself
  unsetenv("BUILDER_CDI_SPEC_DIRS");
}

TEST_CASE("the key of a step sees mounted files by content and its root as a whole") {
  test::OpStores stores;
  llb::ExecOp op = shell("a");
  llb::MountSpec bind = mount(llb::MountType::bind, "/src");
  bind.input = 1;
  bind.source = "a";
  op.mounts = {bind};
  const auto vertex = exec_vertex(op, {nullptr, context_vertex()});
  solver::OpContext context{stores.progress, vertex->digest(), {}, true};
  const solver::CacheMap map = stores.factory(vertex)->cache_map(context);
  REQUIRE(map.deps.size() == 2);
  CHECK_FALSE(map.deps[0].content_digest);
  const auto digest = [&](const Result& input) { return map.deps[1].content_digest(input, {}); };
  CHECK(digest(context_with({{"a", "1"}})) == digest(context_with({{"a", "1"}, {"b", ""}})));
  CHECK(digest(context_with({{"a", "1"}})) != digest(context_with({{"a", "2"}})));
  CHECK(std::count(map.summary.parts.begin(), map.summary.parts.end(),
                   std::pair<std::string, std::string>{"env A", "1"}) == 1);
}
