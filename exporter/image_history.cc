#include "exporter/image_history.h"

#include <algorithm>
#include <string>
#include <vector>

#include "util/time.h"

namespace exporter {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::size_t count_layers(std::span<const oci::HistoryEntry> history) {
  return static_cast<std::size_t>(
      std::count_if(history.begin(), history.end(), [](const auto& e) { return !e.empty_layer; }));
}

/// Entries and layers one to one. Steps of the build have a layer each, so what does not match is the base's: its
/// surplus layers (images made without history) get entries after its own.
void match_layers(std::vector<oci::HistoryEntry>& history, std::size_t base_history, std::size_t layers) {
  std::size_t of_steps = count_layers(std::span(history).subspan(base_history));
  std::size_t of_base = layers - std::min(layers, of_steps);
  std::size_t used = 0;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].empty_layer) continue;
    if (used == (i < base_history ? of_base : layers)) {
      history[i].empty_layer = true;
    } else {
      ++used;
    }
  }
  oci::HistoryEntry filler;
  filler.comment = "buildkit.exporter.image.v0";
  history.insert(history.begin() + static_cast<std::ptrdiff_t>(base_history), layers - used, filler);
}

/// Times of entries with a layer, as far as they are known.
void take_layer_times(std::vector<oci::HistoryEntry>& history, std::span<const std::int64_t> layer_times) {
  std::size_t layer = 0;
  for (oci::HistoryEntry& entry : history) {
    if (entry.empty_layer) continue;
    std::int64_t time = layer_times[layer++];
    if (entry.created.empty() && time != 0) entry.created = util::format_rfc3339(time);
  }
}

/// The time of the first entry with one after the first without, else the last there is.
std::string fill_time(const std::vector<oci::HistoryEntry>& history) {
  std::string time;
  bool gap = false;
  for (const oci::HistoryEntry& entry : history) {
    if (entry.created.empty()) {
      gap = true;
      continue;
    }
    time = entry.created;
    if (gap) break;
  }
  return time;
}

void fill_gaps(std::vector<oci::HistoryEntry>& history) {
  std::string time = fill_time(history);
  bool gap = false;
  for (oci::HistoryEntry& entry : history) {
    if (entry.created.empty()) {
      entry.created = time;
      gap = true;
    } else if (gap) {
      time = entry.created;
    }
  }
}

std::string clamp(const std::string& created, std::int64_t epoch) {
  std::optional<std::int64_t> time = util::parse_rfc3339(created);
  return time && *time <= epoch * kSecond ? created : util::format_rfc3339(epoch * kSecond);
}

}  // namespace

void complete_history(oci::ImageConfig& config, std::span<const std::int64_t> layer_times, std::size_t base_history,
                      std::optional<std::int64_t> epoch) {
  base_history = std::min(base_history, config.history.size());
  match_layers(config.history, base_history, layer_times.size());
  take_layer_times(config.history, layer_times);
  fill_gaps(config.history);
  if (epoch) {
    for (std::size_t i = base_history; i < config.history.size(); ++i) {
      config.history[i].created = clamp(config.history[i].created, *epoch);
    }
  }
  if (!config.history.empty() && !config.history.back().created.empty()) config.created = config.history.back().created;
  if (config.created.empty()) config.created = util::format_rfc3339(0);
  if (epoch) config.created = clamp(config.created, *epoch);
}

}  // namespace exporter
