#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "oci/descriptor.h"
#include "oci/platform.h"

namespace oci {

struct HistoryEntry {
  std::string created;  ///< RFC 3339, may be empty
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

/// Docker's healthcheck extension; times in nanoseconds, 0 = unset.
struct Healthcheck {
  std::vector<std::string> test;
  std::int64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;
  int retries = 0;
};

/// image-spec config.md with Docker's extensions. Fields we do not know are kept in `unknown_top` and
/// `unknown_config` (JSON objects as text) and written back.
struct ImageConfig {
  std::string created;
  std::string author;
  Platform platform;
  std::vector<std::string> os_features;

  std::string user;
  std::vector<std::string> exposed_ports;              ///< "80/tcp", sorted when written
  std::vector<std::string> env;                        ///< "K=V" in order
  std::optional<std::vector<std::string>> entrypoint;  ///< nullopt = null
  std::optional<std::vector<std::string>> cmd;
  std::vector<std::string> volumes;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  bool args_escaped = false;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> on_build;
  std::optional<std::vector<std::string>> shell;

  std::vector<util::Digest> diff_ids;  ///< rootfs.diff_ids
  std::vector<HistoryEntry> history;

  std::string unknown_top;
  std::string unknown_config;
};

/// Compact JSON, top-level keys sorted and `config` in Go's field order (as BuildKit writes it).
std::string to_json_text(const ImageConfig& config);
/// Tolerates null for anything; a wrong type throws util::Error naming the field. Fields that only describe how
/// Docker's classic builder made that image (container, container_config, Hostname, ...) and its inline cache are
/// dropped.
ImageConfig image_config_from_json(std::string_view text);

/// image-spec manifest.md.
struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;
};
/// 2-space indented, as BuildKit writes it.
std::string to_json_text(const Manifest& manifest);
Manifest manifest_from_json(std::string_view text);

/// image-spec image-index.md.
struct ImageIndex {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};
std::string to_json_text(const ImageIndex& index);
ImageIndex image_index_from_json(std::string_view text);

/// Media type of a manifest or index: `declared` (a Content-Type; parameters ignored) when that says it, else what the
/// text itself says or looks like. Throws util::Error for Docker's schema 1 and for what is neither.
std::string manifest_media_type(std::string_view text, std::string_view declared = {});

/// The entry of an index that fits best, attestation entries skipped; nullptr when none does.
const Descriptor* select_platform(const ImageIndex& index, const Platform& wanted);

}  // namespace oci
