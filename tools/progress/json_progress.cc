#include <nlohmann/json.hpp>

#include <chrono>
#include <mutex>
#include <unordered_map>

#include "tools/progress/display.h"
#include "util/fd.h"
#include "util/text.h"
#include "util/time.h"

namespace progress {
namespace {

using nlohmann::json;

std::string rfc3339(util::TimePoint time) {
  return util::format_rfc3339(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

/// One JSON object per line in the shape of BuildKit's SolveStatus (`--progress=rawjson`).
class JsonDisplay final : public Display {
 public:
  explicit JsonDisplay(int fd) : fd_(fd) {}

  void emit(util::ProgressEvent event) override {
    const std::lock_guard lock(mutex_);
    const json line = std::visit([this](const auto& e) { return describe(e); }, event);
    util::write_all(fd_, line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  }

  void finish(bool) override {}

 private:
  json describe(const util::TaskStarted& event) {
    json vertex = {{"digest", event.task.to_string()}, {"name", event.name}, {"started", rfc3339(event.time)}};
    for (const util::Digest& input : event.inputs) vertex["inputs"].push_back(input.to_string());
    vertices_[event.task] = vertex;
    return {{"vertexes", {vertex}}};
  }

  json describe(const util::TaskDone& event) {
    json vertex = vertices_[event.task];
    if (vertex.is_null()) vertex = {{"digest", event.task.to_string()}};
    vertex["completed"] = rfc3339(event.time);
    if (event.cached) vertex["cached"] = true;
    if (event.error) vertex["error"] = *event.error;
    if (event.canceled && !event.error) vertex["error"] = "context canceled";
    return {{"vertexes", {vertex}}};
  }

  static json describe(const util::TaskLog& event) {
    return {{"logs",
             {{{"vertex", event.task.to_string()},
               {"stream", event.stream},
               {"data", util::base64_encode(event.data)},
               {"timestamp", rfc3339(event.time)}}}}};
  }

  static json describe(const util::TaskBytes& event) {
    json status = {{"id", event.id},
                   {"vertex", event.task.to_string()},
                   {"current", event.current},
                   {"timestamp", rfc3339(event.completed.value_or(util::now()))},
                   {"started", rfc3339(event.started)}};
    if (event.total > 0) status["total"] = event.total;
    if (event.completed) status["completed"] = rfc3339(*event.completed);
    return {{"statuses", {status}}};
  }

  static json describe(const util::TaskWarning& event) {
    json warning = {{"level", event.level}, {"short", util::base64_encode(event.short_text)}};
    if (event.task) warning["vertex"] = event.task.to_string();
    for (const std::string& line : event.detail) warning["detail"].push_back(util::base64_encode(line));
    if (!event.url.empty()) warning["url"] = event.url;
    if (!event.file.empty()) warning["sourceInfo"] = {{"filename", event.file}};
    if (event.first_line > 0) {
      warning["range"] = {{{"start", {{"line", event.first_line}}}, {"end", {{"line", event.last_line}}}}};
    }
    return {{"warnings", {warning}}};
  }

  int fd_;
  std::mutex mutex_;   // serialises whole lines
  std::unordered_map<util::Digest, json> vertices_;
};

}  // namespace

std::unique_ptr<Display> make_json_display(int fd) { return std::make_unique<JsonDisplay>(fd); }

}  // namespace progress
