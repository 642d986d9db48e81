#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/history.h"
#include "frontend/dockerfile/word_expander.h"
#include "llb/graph.h"
#include "oci/image.h"
#include "oci/platform.h"

namespace dockerfile {

/// What a stage is after the instructions so far: file system, image config, and what later instructions see. Copied
/// where a stage begins on another one.
struct StageState {
  llb::VertexRef root;  ///< null = empty
  oci::ImageConfig config;
  oci::Platform platform;        ///< RUN executes for it
  Environment environment;       ///< for RUN and for expansion: ENV and ARG, the later declaration wins
  std::vector<BuildArg> args;    ///< ARGs in scope, in order
  std::string directory = "/";   ///< WORKDIR as an absolute clean path
  std::size_t base_history = 0;  ///< leading history entries of the base image
  bool workdir_set = false;      ///< by a WORKDIR of this file
  bool cmd_set = false;          ///< by a CMD of this stage

  /// The empty root: PATH, "/" and a platform.
  static StageState scratch(const oci::Platform& platform);
  /// On an image's config; the file system is set by the caller.
  static StageState image(oci::ImageConfig config, const oci::Platform& platform);

  /// Prepares a stage that begins here: PATH is always set, the config's environment is the visible one.
  void begin();
  /// WORKDIR seen from the current one, as the config keeps it (an absolute one keeps a trailing '/').
  std::string workdir(std::string_view path) const;
  void set_workdir(std::string path);
  /// ENV: environment and config.
  void set_env(const std::string& name, const std::string& value);
  /// What a shell-form command is handed to.
  std::vector<std::string> shell() const;
  /// argv of a shell-form or exec-form command.
  std::vector<std::string> command_line(const CommandLine& command) const;
  void commit(std::string created_by, bool has_layer) {
    config.history.push_back(history_entry(std::move(created_by), has_layer));
  }
};

}  // namespace dockerfile
