#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "util/digest.h"
#include "util/progress.h"

namespace builder {

/// One line per layer, "ce01c9338d3b: Pull complete", as docker's pull and push show them: redrawn in place on a terminal,
/// else one line for each thing that happens. Thread-safe.
class LayerLines {
 public:
  /// `rows`: height of the terminal behind `out`; 0 = it is none.
  LayerLines(std::ostream& out, std::size_t rows) : out_(out), rows_(rows) {}
  /// What holds from now on: "Pulling fs layer".
  void set(const util::Digest& blob, const std::string& state);
  /// A bar, on a terminal only: "Downloading [=====>   ]  1.2MB/4.5MB".
  void transfer(const util::Digest& blob, const std::string& verb, std::uint64_t current, std::uint64_t total);

 private:
  void draw(const util::Digest& blob, const std::string& text);

  std::ostream& out_;
  const std::size_t rows_;
  std::mutex mutex_;  // of the lines, and of `out_`
  std::vector<util::Digest> lines_;
};

/// Shows in `lines` (nullptr = nowhere) how far the transfers of `layers` are, which a task reports as parts
/// "PREFIXsha256:…".
class LayerTransfers final : public util::ProgressSink {
 public:
  LayerTransfers(LayerLines* lines, std::set<util::Digest> layers, std::string prefix, std::string verb)
      : lines_(lines), layers_(std::move(layers)), prefix_(std::move(prefix)), verb_(std::move(verb)) {}
  void emit(util::ProgressEvent event) override;

 private:
  LayerLines* lines_;
  std::set<util::Digest> layers_;
  std::string prefix_;
  std::string verb_;
};

/// Height of the terminal at descriptor `fd`; 0 = it is none.
std::size_t terminal_rows(int fd);

/// As docker shortens it: 12 digits.
std::string short_digest(const util::Digest& digest);

}  // namespace builder
