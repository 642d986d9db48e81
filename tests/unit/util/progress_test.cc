#include "util/progress.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Recorder final : util::ProgressSink {
  void emit(util::ProgressEvent event) override { events.push_back(std::move(event)); }
  template <typename T>
  const T& at(std::size_t i) const {
    return std::get<T>(events.at(i));
  }
  std::vector<util::ProgressEvent> events;
};

}  // namespace

TEST_CASE("a task starts, logs and is done once") {
  Recorder recorder;
  {
    util::ProgressTask task(recorder, "exporting");
    task.log("hello", 2);
    task.done(true);
    task.done();
  }
  REQUIRE(recorder.events.size() == 3);
  CHECK(recorder.at<util::TaskStarted>(0).name == "exporting");
  CHECK(recorder.at<util::TaskLog>(1).stream == 2);
  const auto& done = recorder.at<util::TaskDone>(2);
  CHECK(done.cached);
  CHECK_FALSE(done.error);
  CHECK(done.task == recorder.at<util::TaskStarted>(0).task);
}

TEST_CASE("tasks of one name have different ids") {
  Recorder recorder;
  util::ProgressTask first(recorder, "same");
  util::ProgressTask second(recorder, "same");
  CHECK(first.id() != second.id());
}

TEST_CASE("a task left behind is done, one left by an exception has failed") {
  Recorder recorder;
  { util::ProgressTask task(recorder, "a"); }
  CHECK_FALSE(recorder.at<util::TaskDone>(1).error);
  try {
    util::ProgressTask task(recorder, "b");
    throw std::runtime_error("x");
  } catch (const std::runtime_error&) {
  }
  CHECK(recorder.at<util::TaskDone>(3).error == "failed");
}

TEST_CASE("a failure is told with its text") {
  Recorder recorder;
  {
    util::ProgressTask task(recorder, "a");
    task.fail("no space");
  }
  REQUIRE(recorder.events.size() == 2);
  CHECK(recorder.at<util::TaskDone>(1).error == "no space");
}

TEST_CASE("a part keeps its start and tells when it is complete") {
  Recorder recorder;
  util::ProgressTask task(recorder, "pull");
  task.bytes("x", 1, 10);
  task.bytes("y", 1, 0);
  task.bytes("x", 10, 10, true);
  const auto& first = recorder.at<util::TaskBytes>(1);
  const auto& last = recorder.at<util::TaskBytes>(3);
  CHECK(first.started == last.started);
  CHECK_FALSE(first.completed);
  CHECK(last.completed);
  CHECK(last.current == 10);
  CHECK(last.total == 10);
}
