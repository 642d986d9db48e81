#include "tools/progress/display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "util/error.h"
#include "util/text.h"

namespace progress {
namespace {

class QuietDisplay final : public Display {
 public:
  void emit(util::ProgressEvent) override {}
  void finish(bool) override {}
};

}  // namespace

std::unique_ptr<Display> make_quiet_display() { return std::make_unique<QuietDisplay>(); }

std::string format_seconds(double seconds) { return fmt::format("{:.1f}s", seconds < 0 ? 0.0 : seconds); }

std::unique_ptr<Display> make_display(const DisplayOptions& options) {
  std::string mode = options.mode;
  if (mode == "auto") {
    const char* preset = std::getenv("BUILDKIT_PROGRESS");
    if (preset != nullptr && *preset != '\0') mode = preset;
  }
  const bool terminal = isatty(options.fd) == 1;
  if (mode == "auto") mode = terminal ? "tty" : "plain";
  if (mode == "plain") return make_plain_display(options.fd);
  if (mode == "rawjson") return make_json_display(options.fd);
  if (mode == "quiet" || mode == "none") return make_quiet_display();
  if (mode == "tty") {
    if (!terminal) {
      throw util::Error("show progress as `tty`: standard error is not a terminal",
                        "use --progress=plain, or leave --progress away");
    }
    return make_terminal_display(options.fd);
  }
  static const std::array<std::string, 6> kModes = {"auto", "plain", "tty", "quiet", "none", "rawjson"};
  const auto near = util::suggest(mode, kModes);
  throw util::Error(fmt::format("progress mode `{}`: unknown{}", mode, near ? " (did you mean " + *near + "?)" : ""),
                    "known modes: auto, plain, tty, quiet, none, rawjson");
}

}  // namespace progress
