#pragma once

#include <memory>
#include <string>

#include "util/progress.h"

namespace progress {

/// A consumer of the event stream that draws. `emit` is thread-safe; `finish` is called once, after the last event,
/// and returns when everything is on the screen.
class Display : public util::ProgressSink {
 public:
  virtual void finish(bool success) = 0;
};

/// What a display writes to and how.
struct DisplayOptions {
  std::string mode = "auto";   ///< auto, plain, tty, quiet, none, rawjson
  int fd = 2;
};

/// Throws util::Error for an unknown mode, or for tty without a terminal.
std::unique_ptr<Display> make_display(const DisplayOptions& options);

/// "12.3s", as BuildKit prints times.
std::string format_seconds(double seconds);

std::unique_ptr<Display> make_plain_display(int fd);
std::unique_ptr<Display> make_terminal_display(int fd);
std::unique_ptr<Display> make_json_display(int fd);
/// Prints nothing.
std::unique_ptr<Display> make_quiet_display();

}  // namespace progress
