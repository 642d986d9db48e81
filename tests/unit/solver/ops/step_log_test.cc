#include "solver/ops/step_log.h"

#include <doctest/doctest.h>

#include "tests/support/fake_op.h"

using ops::LogLimits;
using ops::StepLog;

namespace {

const util::Digest kTask = util::sha256_of("task");

std::string text(const test::RecordingProgress& progress) {
  std::string all;
  for (const util::TaskLog& log : progress.all<util::TaskLog>(kTask)) all += log.data;
  return all;
}

}  // namespace

TEST_CASE("output is passed on as it comes") {
  test::RecordingProgress progress;
  StepLog log(progress, kTask, LogLimits());
  log.write(1, "out\n");
  log.write(2, "err");
  const auto logs = progress.all<util::TaskLog>(kTask);
  REQUIRE(logs.size() == 2);
  CHECK(logs[0].data == "out\n");
  CHECK(logs[1].stream == 2);
}

TEST_CASE("the last ten lines are remembered, whatever the chunks") {
  test::RecordingProgress progress;
  StepLog log(progress, kTask, LogLimits());
  for (int i = 0; i < 15; ++i) {
    log.write(1, "line ");
    log.write(1, std::to_string(i) + "\r\n");
  }
  log.write(2, "no end");
  const auto tail = log.tail();
  REQUIRE(tail.size() == 10);
  CHECK(tail.front() == "line 6");
  CHECK(tail.back() == "no end");
}

TEST_CASE("too much output is clipped with one notice, and still remembered") {
  test::RecordingProgress progress;
  StepLog log(progress, kTask, {.size = 1024, .per_second = -1});
  for (int i = 0; i < 300; ++i) log.write(1, "0123456789\n");
  log.write(1, "last\n");
  const std::string all = text(progress);
  CHECK(all.size() < 1100);
  CHECK(all.ends_with("\n[output clipped, log limit 1KiB reached]\n"));
  CHECK(log.tail().back() == "last");
}

TEST_CASE("fast output is clipped until time has passed") {
  test::RecordingProgress progress;
  const auto start = StepLog::Clock::now();
  StepLog log(progress, kTask, {.size = -1, .per_second = 10}, start);
  log.write(1, "0123456789abc", start);
  log.write(1, "dropped", start);
  log.write(1, "later", start + std::chrono::seconds(2));
  CHECK(text(progress) == "0123456789\n[output clipped, log limit 10B/s reached]\nlater");
}

TEST_CASE("limits can be lifted") {
  test::RecordingProgress progress;
  StepLog log(progress, kTask, {.size = -1, .per_second = -1});
  log.write(1, std::string(3 << 20, 'x'));
  CHECK(text(progress).size() == 3 << 20);
}
