// Engine by the program podman.
#include <fmt/format.h>

#include "tools/images/engine.h"
#include "util/error.h"
#include "util/process.h"
#include "util/text.h"

namespace builder {
namespace {

class PodmanEngine final : public Engine {
 public:
  std::string name() const override { return "podman"; }

  bool has(const util::Digest& id, std::stop_token stop) override {
    return run({"image", "exists", std::string(id.hex())}, -1, stop).status.success();
  }

  void tag(const util::Digest& id, const oci::Reference& name, std::stop_token stop) override {
    check(run({"tag", std::string(id.hex()), name.to_string()}, -1, stop), fmt::format("name image `{}` in podman", name.familiar()));
  }

  void load(util::PipedReader& archive, std::stop_token stop) override {
    const util::CaptureResult result = run({"load"}, archive.fd(), stop);
    archive.finish();
    check(result, "load image into podman");
  }

 private:
  static util::CaptureResult run(std::vector<std::string> arguments, int input, const std::stop_token& stop) {
    util::CommandOptions command;
    arguments.insert(arguments.begin(), "podman");
    command.arguments = std::move(arguments);
    command.input_fd = input;
    return util::run_command(command, stop);
  }

  static void check(const util::CaptureResult& result, const std::string& what) {
    if (!result.status.success()) throw util::Error(fmt::format("{}: {}", what, util::trim(result.error)));
  }
};

}  // namespace

std::unique_ptr<Engine> make_podman_engine() { return std::make_unique<PodmanEngine>(); }

}  // namespace builder
