#include "tools/images/layer_lines.h"

#include <doctest/doctest.h>

#include <sstream>

using builder::LayerLines;

namespace {

util::Digest blob(char digit) { return util::Digest::parse("sha256:" + std::string(64, digit)); }

}  // namespace

TEST_CASE("without a terminal each state is a line, and bars are not shown") {
  std::ostringstream out;
  LayerLines lines(out, 0);
  lines.set(blob('a'), "Pulling fs layer");
  lines.transfer(blob('a'), "Downloading", 1, 2);
  lines.set(blob('a'), "Pull complete");
  CHECK(out.str() == "aaaaaaaaaaaa: Pulling fs layer\naaaaaaaaaaaa: Pull complete\n");
}

TEST_CASE("on a terminal a layer has one line, which is drawn again") {
  std::ostringstream out;
  LayerLines lines(out, 24);
  lines.set(blob('a'), "Pulling fs layer");
  lines.set(blob('b'), "Pulling fs layer");
  out.str("");
  lines.transfer(blob('a'), "Downloading", 1'000'000, 4'000'000);
  CHECK(out.str() == "\x1b[2A\r\x1b[2Kaaaaaaaaaaaa: Downloading [============>                                     ]  1MB/4MB\r\x1b[2B");
  out.str("");
  lines.set(blob('b'), "Pull complete");
  CHECK(out.str() == "\x1b[1A\r\x1b[2Kbbbbbbbbbbbb: Pull complete\r\x1b[1B");
}

TEST_CASE("a line above the screen is left alone") {
  std::ostringstream out;
  LayerLines lines(out, 2);
  lines.set(blob('a'), "x");
  lines.set(blob('b'), "x");
  out.str("");
  lines.set(blob('a'), "y");
  CHECK(out.str().empty());
  lines.set(blob('b'), "y");
  CHECK_FALSE(out.str().empty());
}

TEST_CASE("only transfers of the layers that were named are shown") {
  std::ostringstream out;
  LayerLines lines(out, 24);
  builder::LayerTransfers transfers(&lines, {blob('a')}, "pushing ", "Pushing");
  util::ProgressTask task(transfers, "push");
  task.bytes("pushing " + blob('b').to_string(), 1, 2);
  task.bytes("pushing layers", 1, 2);
  task.bytes(blob('a').to_string(), 1, 2);
  CHECK(out.str().empty());
  task.bytes("pushing " + blob('a').to_string(), 1, 2);
  CHECK(out.str().starts_with("aaaaaaaaaaaa: Pushing [====="));
  task.done();
}
