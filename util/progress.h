#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "util/digest.h"

namespace util {

using TimePoint = std::chrono::system_clock::time_point;

/// Events about tasks (a vertex of the graph, or an internal step such as "exporting to image"),
/// identified by digest. Displays, the timing report and rawjson are consumers of this one stream.
struct TaskStarted {
  Digest task;
  std::string name;             ///< "[stage 2/5] RUN make"
  std::vector<Digest> inputs;
  TimePoint time;
};
struct TaskLog {
  Digest task;
  int stream = 1;               ///< 1 standard output, 2 standard error
  std::string data;             ///< raw bytes, any chunking
  TimePoint time;
};
/// Progress of a part of a task: a blob that is pulled, "exporting layers", ...
struct TaskBytes {
  Digest task;
  std::string id;               ///< unique within the task: "sha256:…", "exporting layers"
  std::int64_t current = 0;     ///< bytes
  std::int64_t total = 0;       ///< bytes; 0 = unknown or not a byte count
  TimePoint started;
  std::optional<TimePoint> completed;
};
struct TaskWarning {
  Digest task;                  ///< empty: belongs to the build
  std::string short_text;
  std::vector<std::string> detail;
  std::string url;
  std::string file;             ///< source file name, or empty
  int first_line = 0;           ///< 1-based; 0 = none
  int last_line = 0;
  int level = 1;
};
struct TaskDone {
  Digest task;
  bool cached = false;
  bool canceled = false;
  std::optional<std::string> error;
  TimePoint time;
};
using ProgressEvent = std::variant<TaskStarted, TaskLog, TaskBytes, TaskWarning, TaskDone>;

/// Consumer of events. `emit` may be called from any thread and must not block for long.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void emit(ProgressEvent event) = 0;
};

/// Drops everything.
class NullProgress final : public ProgressSink {
 public:
  void emit(ProgressEvent) override {}
};

inline TimePoint now() { return std::chrono::system_clock::now(); }

/// An internal step reported as a task: started by the constructor, done by `done` (or, when it is
/// left by an exception, reported as an error). `bytes` and `log` may be called from any thread.
class ProgressTask {
 public:
  ProgressTask(ProgressSink& sink, std::string name);
  ProgressTask(const ProgressTask&) = delete;
  ~ProgressTask();
  const Digest& id() const { return id_; }
  void bytes(const std::string& part, std::int64_t current, std::int64_t total, bool complete = false);
  void log(std::string text, int stream = 1);
  void done(bool cached = false);
  /// Ends it as failed with this text.
  void fail(const std::string& error);
  /// Ends it without a result; something else is going to be tried.
  void cancel();

 private:
  ProgressSink& sink_;
  Digest id_;
  int uncaught_;
  bool open_ = true;
  std::mutex mutex_;  // of parts_: layers are unpacked and packed several at a time
  std::vector<std::pair<std::string, TimePoint>> parts_;
};

}  // namespace util
