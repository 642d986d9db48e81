#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>

#include "tools/progress/display.h"
#include "util/fd.h"

namespace {

using namespace std::chrono_literals;

/// What the plain display prints for some events, the times being those of the events.
class Screen {
 public:
  Screen() : pipe_(util::Pipe::open()), display_(progress::make_plain_display(pipe_.write.get())) {}
  void emit(util::ProgressEvent event) { display_->emit(std::move(event)); }
  std::string finish() {
    display_->finish(true);
    pipe_.write.reset();
    return util::read_to_end(pipe_.read.get());
  }

 private:
  util::Pipe pipe_;
  std::unique_ptr<progress::Display> display_;
};

const util::Digest kOne = util::sha256_of("one");
const util::Digest kTwo = util::sha256_of("two");
const util::TimePoint kStart{1000s};

}  // namespace

TEST_CASE("a step is printed with its log, its parts and its time") {
  Screen screen;
  screen.emit(util::TaskStarted{kOne, "[1/2] RUN make", {}, kStart});
  screen.emit(util::TaskLog{kOne, 1, "first\nsec", kStart + 250ms});
  screen.emit(util::TaskLog{kOne, 1, "ond\n", kStart + 500ms});
  screen.emit(util::TaskBytes{kOne, "sha256:ab", 1000, 1000, kStart, kStart + 1s});
  screen.emit(util::TaskDone{kOne, false, false, {}, kStart + 2s});
  CHECK(screen.finish() ==
        "#1 [1/2] RUN make\n#1 0.250 first\n#1 0.500 second\n#1 sha256:ab 1kB / 1kB 1.0s done\n#1 DONE 2.0s\n\n");
}

TEST_CASE("cached, failed and cancelled steps say so") {
  Screen screen;
  screen.emit(util::TaskStarted{kOne, "[1/2] RUN make", {}, kStart});
  screen.emit(util::TaskDone{kOne, true, false, {}, kStart});
  screen.emit(util::TaskStarted{kTwo, "[2/2] RUN test", {}, kStart});
  screen.emit(util::TaskDone{kTwo, false, false, "exit code: 7", kStart});
  CHECK(screen.finish() == "#1 [1/2] RUN make\n#1 CACHED\n\n#2 [2/2] RUN test\n#2 ERROR: exit code: 7\n\n");
}

TEST_CASE("a step that runs again is shown again, one that is cached again is not") {
  Screen screen;
  for (const util::Digest& step : {kOne, kTwo}) {
    screen.emit(util::TaskStarted{step, step == kOne ? "one" : "two", {}, kStart});
    screen.emit(util::TaskDone{step, true, false, {}, kStart});
  }
  screen.emit(util::TaskStarted{kTwo, "two", {}, kStart});
  screen.emit(util::TaskDone{kTwo, true, false, {}, kStart});
  screen.emit(util::TaskStarted{kOne, "one", {}, kStart + 5s});
  screen.emit(util::TaskLog{kOne, 1, "again\n", kStart + 6s});
  screen.emit(util::TaskDone{kOne, false, false, {}, kStart + 7s});
  CHECK(screen.finish() == "#1 one\n#1 CACHED\n\n#2 two\n#2 CACHED\n\n#1 one\n#1 1.000 again\n#1 DONE 2.0s\n\n");
}

TEST_CASE("a terminal shows how a step that ran again ended the second time") {
  util::Pipe pipe = util::Pipe::open();
  const auto display = progress::make_terminal_display(pipe.write.get());
  display->emit(util::TaskStarted{kOne, "one", {}, kStart});
  display->emit(util::TaskDone{kOne, true, false, {}, kStart});
  display->emit(util::TaskStarted{kOne, "one", {}, kStart + 5s});
  display->emit(util::TaskDone{kOne, false, false, {}, kStart + 7s});
  display->finish(true);
  pipe.write.reset();
  const std::string all = util::read_to_end(pipe.read.get());
  const std::string last = all.substr(all.rfind("[+] Building"));
  CAPTURE(last);
  CHECK(last.find("(1/1) FINISHED") != std::string::npos);
  CHECK(last.find("=> one ") != std::string::npos);
  CHECK(last.find("CACHED") == std::string::npos);
  CHECK(last.find("2.0s") != std::string::npos);
}

TEST_CASE("steps at work at the same time are not mixed") {
  Screen screen;
  screen.emit(util::TaskStarted{kOne, "one", {}, kStart});
  screen.emit(util::TaskStarted{kTwo, "two", {}, kStart});
  screen.emit(util::TaskLog{kOne, 1, "1a\n", kStart});
  screen.emit(util::TaskLog{kTwo, 1, "2a\n", kStart});
  screen.emit(util::TaskLog{kOne, 1, "1b\n", kStart});
  screen.emit(util::TaskDone{kOne, false, false, {}, kStart});
  screen.emit(util::TaskDone{kTwo, false, false, {}, kStart});
  CHECK(screen.finish() == "#1 one\n#1 0.000 1a\n#1 0.000 1b\n#1 DONE 0.0s\n\n#2 two\n#2 0.000 2a\n#2 DONE 0.0s\n\n");
}

TEST_CASE("warnings come last, with their lines") {
  Screen screen;
  util::TaskWarning warning;
  warning.short_text = "StageNameCasing: stage name `Foo` should be lower case";
  warning.first_line = warning.last_line = 3;
  screen.emit(warning);
  CHECK(screen.finish() == " 1 warning found:\n - StageNameCasing: stage name `Foo` should be lower case (line 3)\n");
}

TEST_CASE("an unknown mode is refused with a suggestion") {
  CHECK_THROWS_WITH(progress::make_display({"plan", 2}), "progress mode `plan`: unknown (did you mean plain?)");
}
