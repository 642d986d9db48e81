#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <unordered_map>

#include "tools/progress/display.h"
#include "tools/progress/event_thread.h"
#include "tools/progress/terminal_colors.h"
#include "util/fd.h"
#include "util/text.h"

namespace progress {
namespace {

struct Part {
  std::string id;
  std::int64_t current = 0, total = 0;
  util::TimePoint started;
  std::optional<util::TimePoint> completed;
};

struct Step {
  std::string name;
  util::TimePoint started;
  std::optional<util::TimePoint> ended;
  bool cached = false, canceled = false, failed = false;
  std::vector<Part> parts;
  std::deque<std::string> log;   ///< last lines
  std::string partial;
};

double seconds_between(util::TimePoint from, util::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

/// Number of terminal columns of UTF-8 text: code points; good enough for Latin text and dots.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Cut to `width` columns, never inside a UTF-8 sequence.
std::string cut(std::string_view text, std::size_t width) {
  std::size_t used = 0, i = 0;
  while (i < text.size()) {
    std::size_t next = i + 1;
    while (next < text.size() && (text[next] & 0xC0) == 0x80) ++next;
    if (++used > width) break;
    i = next;
  }
  return std::string(text.substr(0, i));
}

/// Text of a log line that cannot move the cursor: control characters and escape sequences are dropped.
std::string printable(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if (c == 0x1B) {
      if (i + 1 < line.size() && line[i + 1] == '[') {
        ++i;
        while (i + 1 < line.size() && (line[i + 1] < '@' || line[i + 1] > '~')) ++i;
        ++i;
      }
      continue;
    }
    if (c == '\t') out += "    ";
    else if (c >= 0x20 && c != 0x7F) out += line[i];
  }
  return out;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The display people know from `docker build`: redrawn in place, finished steps first, the last log lines under each
/// running step.
class TerminalDisplay final : public Display {
 public:
  explicit TerminalDisplay(int fd)
      : fd_(fd),
        color_(variable("NO_COLOR").empty()),
        colors_(terminal_colors(variable("NO_COLOR"), variable("BUILDKIT_COLORS"))),
        begin_(util::now()),
        thread_([this](util::ProgressEvent&& event) { std::visit([this](const auto& e) { on(e); }, event); },
                [this] { draw(false, true); }, std::chrono::milliseconds(100)) {
    const char* lines = std::getenv("BUILDKIT_TTY_LOG_LINES");
    if (lines != nullptr && std::atoi(lines) > 0) log_lines_ = static_cast<std::size_t>(std::atoi(lines));
  }

  void emit(util::ProgressEvent event) override { thread_.post(std::move(event)); }

  void finish(bool success) override {
    thread_.stop();
    draw(true, success);
  }

 private:
  void on(const util::TaskStarted& event) {
    auto [found, added] = steps_.try_emplace(event.task);
    if (added) order_.push_back(event.task);
    if (found->second.ended) found->second = {};
    found->second.name = event.name;
    found->second.started = event.time;
  }
  void on(const util::TaskLog& event) {
    Step& step = steps_[event.task];
    for (char c : event.data) {
      if (c == '\n' || c == '\r') {
        if (!step.partial.empty()) step.log.push_back(printable(step.partial));
        step.partial.clear();
        while (step.log.size() > log_lines_) step.log.pop_front();
      } else {
        step.partial += c;
      }
    }
  }
  void on(const util::TaskBytes& event) {
    std::vector<Part>& parts = steps_[event.task].parts;
    auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.id == event.id; });
    if (found == parts.end()) found = parts.insert(parts.end(), Part{});
    *found = {event.id, event.current, event.total, event.started, event.completed};
  }
  void on(const util::TaskWarning& event) { warnings_.push_back(event); }
  void on(const util::TaskDone& event) {
    Step& step = steps_[event.task];
    step.ended = event.time;
    step.cached = event.cached;
    step.canceled = event.canceled;
    step.failed = event.error.has_value();
  }

  std::string colored(std::string_view text, const std::string& code) const {
    return color_ && !code.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }

  /// A left part cut to fit and a time at the right edge.
  std::string line(std::string_view text, const std::string& time, std::size_t width, const std::string& code) const {
    const std::size_t room = width > time.size() + 2 ? width - time.size() - 2 : 1;
    std::string left = cut(text, room);
    left.append(room - std::min(room, columns(left)), ' ');
    const std::string whole = left + " " + time;
    return colored(whole, code);
  }

  void add_step(std::vector<std::string>& out, const Step& step, std::size_t width) const {
    const util::TimePoint now = util::now();
    const std::string code = step.failed ? colors_.error : step.canceled ? colors_.cancel : step.ended ? colors_.run : "";
    const std::string state = step.failed ? "ERROR " : step.canceled ? "CANCELED " : step.cached ? "CACHED " : "";
    out.push_back(line(fmt::format(" => {}{}", state, step.name),
                       format_seconds(seconds_between(step.started, step.ended.value_or(now))), width, code));
    for (const Part& part : step.parts) {
      std::string text = " => => " + part.id;
      if (part.total > 0) {
        text += fmt::format(" {} / {}", util::human_size(static_cast<std::uint64_t>(part.current)),
                            util::human_size(static_cast<std::uint64_t>(part.total)));
      }
      out.push_back(line(text, format_seconds(seconds_between(part.started, part.completed.value_or(now))), width,
                         part.completed ? colors_.run : ""));
    }
    if (!step.ended || step.failed) {
      for (const std::string& text : step.log) out.push_back(colored(cut(" => => # " + text, width - 1), "2"));
    }
  }

  void draw(bool last, bool success) {
    winsize size{};
    const bool known = ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const std::size_t width = known ? size.ws_col : 80;
    const std::size_t height = known && size.ws_row > 4 ? size.ws_row : 24;

    std::size_t ended = 0;
    std::vector<std::string> body;
    for (const util::Digest& task : order_) {
      const Step& step = steps_.at(task);
      if (step.ended) ++ended;
      add_step(body, step, width);
    }
    const std::string state = !last ? "" : success ? " FINISHED" : " ERROR";
    std::string out;
    if (drawn_ > 0) out += fmt::format("\x1b[{}A", drawn_);
    std::vector<std::string> lines = {fmt::format("[+] Building {} ({}/{}){}",
                                                  format_seconds(seconds_between(begin_, util::now())), ended,
                                                  order_.size(), state)};
    // While drawing in place only what fits on the screen can be moved over again: the newest lines win.
    std::size_t first = 0;
    if (!last && body.size() + 2 > height) first = body.size() + 2 - height;
    lines.insert(lines.end(), body.begin() + static_cast<std::ptrdiff_t>(first), body.end());
    for (const std::string& text : lines) out += "\x1b[2K" + text + "\n";
    out += "\x1b[J";
    drawn_ = lines.size();
    if (last) add_warnings(out);
    util::write_all(fd_, std::string_view(out));
  }

  void add_warnings(std::string& out) const {
    if (warnings_.empty()) return;
    out += colored(fmt::format("\n {} warning{} found:\n", warnings_.size(), warnings_.size() == 1 ? "" : "s"), colors_.warning);
    for (const util::TaskWarning& warning : warnings_) {
      out += " - " + warning.short_text;
      if (warning.first_line > 0) out += fmt::format(" (line {})", warning.first_line);
      out += "\n";
    }
  }

  int fd_;
  bool color_;
  TerminalColors colors_;
  std::size_t log_lines_ = 6;
  util::TimePoint begin_;
  std::size_t drawn_ = 0;
  std::unordered_map<util::Digest, Step> steps_;
  std::vector<util::Digest> order_;
  std::vector<util::TaskWarning> warnings_;
  EventThread thread_;   // last: its thread uses the members above
};

}  // namespace

std::unique_ptr<Display> make_terminal_display(int fd) { return std::make_unique<TerminalDisplay>(fd); }

}  // namespace progress
