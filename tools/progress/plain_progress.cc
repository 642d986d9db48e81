#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <unordered_map>

#include "tools/progress/display.h"
#include "tools/progress/event_thread.h"
#include "util/fd.h"
#include "util/text.h"

namespace progress {
namespace {

using Clock = std::chrono::steady_clock;

/// How long a step keeps the screen while others have something to say.
constexpr std::chrono::seconds kPatience{5};

/// A step's unprinted lines and what is known of it.
struct Step {
  int number = 0;
  std::string name;
  util::TimePoint started;
  std::deque<std::string> lines;         ///< complete, with the "#N " prefix left out
  std::string partial[3];                ///< unfinished log line per stream
  std::unordered_map<std::string, bool> parts;
  bool header_printed = false;
  bool ended = false;
  bool again = false;  ///< it has ended before, as damage of the store lets a build start over
};

double seconds_between(util::TimePoint from, util::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

/// One line at a time, steps kept together: a step that talks keeps the screen until it ends or another one has
/// waited for `kPatience`.
class PlainDisplay final : public Display {
 public:
  explicit PlainDisplay(int fd)
      : fd_(fd),
        truncate_(std::getenv("PROGRESS_NO_TRUNC") != nullptr && std::string(std::getenv("PROGRESS_NO_TRUNC")) == "0"),
        thread_([this](util::ProgressEvent&& event) { handle(std::move(event)); }, [this] { flush(false); },
                std::chrono::milliseconds(100)) {}

  void emit(util::ProgressEvent event) override { thread_.post(std::move(event)); }

  void finish(bool) override {
    thread_.stop();
    flush(true);
  }

 private:
  void handle(util::ProgressEvent&& event) {
    std::visit([this](auto&& e) { on(e); }, event);
    flush(false);
  }

  Step* find(const util::Digest& task) {
    auto found = steps_.find(task);
    return found == steps_.end() ? nullptr : &found->second;
  }

  void on(const util::TaskStarted& event) {
    Step& step = steps_[event.task];
    if (step.number == 0) step.number = ++count_;
    step.name = event.name;
    step.started = event.time;
    if (step.ended) {
      step.again = true;
      step.ended = step.header_printed = false;
      step.parts.clear();
    }
    order_.push_back(event.task);
  }

  void on(const util::TaskLog& event) {
    Step* step = find(event.task);
    if (step == nullptr) return;
    std::string& partial = step->partial[event.stream == 2 ? 2 : 1];
    for (char c : event.data) {
      if (c == '\n') {
        add_log(*step, partial, event.time);
        partial.clear();
      } else {
        partial += c;
      }
    }
  }

  void add_log(Step& step, std::string_view line, util::TimePoint time) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    step.lines.push_back(fmt::format("{:.3f} {}", seconds_between(step.started, time), line));
  }

  void on(const util::TaskBytes& event) {
    Step* step = find(event.task);
    if (step == nullptr) return;
    bool& completed = step->parts[event.id];
    if (completed) return;
    const std::string amount =
        event.total > 0 ? fmt::format(" {} / {}", util::human_size(static_cast<std::uint64_t>(event.current)),
                                      util::human_size(static_cast<std::uint64_t>(event.total)))
                        : std::string();
    if (event.completed) {
      completed = true;
      step->lines.push_back(fmt::format("{}{} {} done", event.id, amount,
                                        format_seconds(seconds_between(event.started, *event.completed))));
    }
  }

  void on(const util::TaskWarning& event) { warnings_.push_back(event); }

  void on(const util::TaskDone& event) {
    Step* step = find(event.task);
    if (step == nullptr) return;
    for (std::string& partial : step->partial) {
      if (!partial.empty()) add_log(*step, partial, event.time);
      partial.clear();
    }
    if (event.error) {
      step->lines.push_back("ERROR: " + *event.error);
    } else if (event.canceled) {
      step->lines.push_back("CANCELED");
    } else if (event.cached && step->again && !step->header_printed && step->lines.empty()) {
      step->header_printed = true;  // nobody needs to read twice that nothing was done
    } else if (event.cached) {
      step->lines.push_back("CACHED");
    } else {
      step->lines.push_back("DONE " + format_seconds(seconds_between(step->started, event.time)));
    }
    step->ended = true;
  }

  /// Prints what the current step has; moves on when it ended, or was patient long enough with the others.
  void flush(bool all) {
    std::string out;
    for (;;) {
      if (current_ && print(out, *find(*current_))) {
        current_.reset();
        continue;
      }
      const bool may_switch = !current_ || all || Clock::now() - current_since_ > kPatience;
      if (!may_switch || !select_next(out)) break;
    }
    if (all) print_warnings(out);
    if (!out.empty()) util::write_all(fd_, std::string_view(out));
  }

  /// True when the step is over.
  bool print(std::string& out, Step& step) {
    const auto prefix = fmt::format("#{} ", step.number);
    if (!step.header_printed && (!step.lines.empty() || step.ended)) {
      step.header_printed = true;
      std::string name = step.name;
      if (truncate_ && name.size() > 72) name = name.substr(0, 71) + "…";
      out += prefix + name + "\n";
    }
    for (; !step.lines.empty(); step.lines.pop_front()) out += prefix + step.lines.front() + "\n";
    if (step.ended) out += "\n";
    return step.ended;
  }

  bool select_next(std::string& out) {
    for (auto it = order_.begin(); it != order_.end();) {
      Step& step = steps_[*it];
      if (step.ended && step.lines.empty() && step.header_printed) {
        it = order_.erase(it);
        continue;
      }
      if ((current_ && *it == *current_) || step.lines.empty()) {
        ++it;
        continue;
      }
      if (current_) {
        Step& previous = *find(*current_);
        out += fmt::format("#{} ...\n\n", previous.number);
        previous.header_printed = false;
      }
      current_ = *it;
      current_since_ = Clock::now();
      return true;
    }
    return false;
  }

  void print_warnings(std::string& out) {
    if (warnings_.empty()) return;
    out += fmt::format(" {} warning{} found:\n", warnings_.size(), warnings_.size() == 1 ? "" : "s");
    for (const util::TaskWarning& warning : warnings_) {
      out += " - " + warning.short_text;
      if (warning.first_line > 0) out += fmt::format(" (line {})", warning.first_line);
      out += "\n";
    }
  }

  int fd_;
  bool truncate_;
  int count_ = 0;
  std::unordered_map<util::Digest, Step> steps_;
  std::deque<util::Digest> order_;
  std::optional<util::Digest> current_;
  Clock::time_point current_since_;
  std::vector<util::TaskWarning> warnings_;
  EventThread thread_;   // last: its thread uses the members above
};

}  // namespace

std::unique_ptr<Display> make_plain_display(int fd) { return std::make_unique<PlainDisplay>(fd); }

}  // namespace progress
