#include "exporter/image_history.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

oci::HistoryEntry entry(const std::string& name, bool empty, const std::string& created = {}) {
  oci::HistoryEntry result;
  result.created_by = name;
  result.empty_layer = empty;
  result.created = created;
  return result;
}

oci::ImageConfig config_of(std::vector<oci::HistoryEntry> history) {
  oci::ImageConfig config;
  config.history = std::move(history);
  return config;
}

std::vector<std::string> times(const oci::ImageConfig& config) {
  std::vector<std::string> result;
  for (const oci::HistoryEntry& e : config.history) result.push_back(e.created.empty() ? "-" : e.created.substr(11, 8));
  return result;
}

}  // namespace

TEST_CASE("entries take the time of their layer, others that of the first new layer") {
  oci::ImageConfig config =
      config_of({entry("base", false, "1970-01-01T00:00:01Z"), entry("ENV", true), entry("RUN", false),
                 entry("CMD", true), entry("RUN", false), entry("USER", true)});
  exporter::complete_history(config, std::vector<std::int64_t>{9 * kSecond, 5 * kSecond, 7 * kSecond}, 1, std::nullopt);
  CHECK(times(config) ==
        std::vector<std::string>{"00:00:01", "00:00:05", "00:00:05", "00:00:05", "00:00:07", "00:00:07"});
  CHECK(config.created == "1970-01-01T00:00:07Z");
}

TEST_CASE("without a new layer the base's last time holds") {
  oci::ImageConfig config = config_of(
      {entry("a", false, "1970-01-01T00:00:01Z"), entry("b", true, "1970-01-01T00:00:02Z"), entry("LABEL", true)});
  exporter::complete_history(config, std::vector<std::int64_t>{0}, 2, std::nullopt);
  CHECK(times(config) == std::vector<std::string>{"00:00:01", "00:00:02", "00:00:02"});
  CHECK(config.created == "1970-01-01T00:00:02Z");
}

TEST_CASE("where nothing has a time the image is from 1970") {
  oci::ImageConfig config = config_of({entry("LABEL", true)});
  exporter::complete_history(config, {}, 0, std::nullopt);
  CHECK(times(config) == std::vector<std::string>{"-"});
  CHECK(config.created == "1970-01-01T00:00:00Z");
  oci::ImageConfig nothing;
  nothing.created = "2020-01-01T00:00:00Z";
  exporter::complete_history(nothing, {}, 0, std::nullopt);
  CHECK(nothing.created == "2020-01-01T00:00:00Z");
}

TEST_CASE("an epoch clamps new times and leaves older ones and the base's") {
  oci::ImageConfig config =
      config_of({entry("base", false, "1970-01-01T00:00:50Z"), entry("RUN", false), entry("RUN", false)});
  exporter::complete_history(config, std::vector<std::int64_t>{0, 5 * kSecond, 60 * kSecond}, 1, 10);
  CHECK(times(config) == std::vector<std::string>{"00:00:50", "00:00:05", "00:00:10"});
  CHECK(config.created == "1970-01-01T00:00:10Z");
}

TEST_CASE("layers without history get entries after those of the base") {
  oci::ImageConfig config = config_of({entry("RUN", false)});
  exporter::complete_history(config, std::vector<std::int64_t>{1 * kSecond, 2 * kSecond, 3 * kSecond}, 0, std::nullopt);
  REQUIRE(config.history.size() == 3);
  CHECK(config.history[0].comment == "buildkit.exporter.image.v0");
  CHECK(config.history[2].created_by == "RUN");
  CHECK(times(config) == std::vector<std::string>{"00:00:01", "00:00:02", "00:00:03"});
}

TEST_CASE("entries without a layer become empty") {
  oci::ImageConfig config = config_of(
      {entry("a", false, "1970-01-01T00:00:01Z"), entry("b", false, "1970-01-01T00:00:02Z"), entry("RUN", false)});
  exporter::complete_history(config, std::vector<std::int64_t>{0, 9 * kSecond}, 2, std::nullopt);
  CHECK_FALSE(config.history[0].empty_layer);
  CHECK(config.history[1].empty_layer);
  CHECK_FALSE(config.history[2].empty_layer);
  CHECK(config.history[2].created == "1970-01-01T00:00:09Z");
  config = config_of({entry("a", false), entry("b", false)});
  exporter::complete_history(config, std::vector<std::int64_t>{3 * kSecond}, 0, std::nullopt);
  CHECK(config.history[1].empty_layer);
}
