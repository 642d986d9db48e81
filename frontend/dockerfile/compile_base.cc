#include "frontend/dockerfile/compile_base.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>

#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/suggestion.h"
#include "oci/reference.h"
#include "util/error.h"
#include "util/worker_pool.h"

namespace dockerfile {
namespace {

/// Names people mean when an image cannot be found, besides the stages of the file.
constexpr const char* kCommonImages[] = {"alpine", "busybox", "centos", "debian", "golang", "ubuntu", "fedora"};

constexpr unsigned kParallelResolves = 16;

/// The image that a node stands on; nullopt for scratch and directories.
std::optional<oci::ImageLocation> image_location(const StageNode& node) {
  if (node.parent != nullptr || node.scratch()) return std::nullopt;
  if (node.context == nullptr) {
    oci::ImageLocation location;
    location.reference = oci::Reference::parse(node.base).to_string();
    return location;
  }
  if (node.context->kind != NamedContext::Kind::image && node.context->kind != NamedContext::Kind::layout) {
    return std::nullopt;
  }
  if (node.context->kind == NamedContext::Kind::image && node.context->image.reference == "scratch")
    return std::nullopt;
  return node.context->image;
}

std::string key_text(const oci::ImageLocation& location) {
  if (location.kind == oci::ImageLocation::Kind::registry) return location.reference;
  return fmt::format("oci-layout://{}:{}@{}", location.layout_path, location.layout_tag,
                     location.layout_digest.to_string());
}

/// An image without layers, which is the same as scratch.
bool has_no_layers(const oci::ImageConfig& config) {
  return config.diff_ids.empty() && std::all_of(config.history.begin(), config.history.end(),
                                                [](const oci::HistoryEntry& entry) { return entry.empty_layer; });
}

/// "docker.io/library/debian:bookworm@sha256:…".
std::string shown_name(const oci::ImageLocation& location, const oci::ResolvedImage& image) {
  std::string name = location.reference;
  if (location.kind == oci::ImageLocation::Kind::layout) {
    name = "oci-layout://" + location.layout_path;
    if (!location.layout_tag.empty()) name += ":" + location.layout_tag;
  }
  const util::Digest& digest = image.top ? image.top : image.manifest;
  return name.find('@') == std::string::npos ? name + "@" + digest.to_string() : name;
}

std::string suggestion_for(const std::string& base, std::vector<std::string> names) {
  for (const char* image : kCommonImages) {
    names.emplace_back(image);
    names.push_back(std::string(image) + ":latest");
  }
  return suggestion_text(base, names);
}

}  // namespace

void Bases::resolve(const std::vector<StageNode*>& nodes, const std::vector<std::string>& stage_names) {
  std::vector<StageNode*> ordered = nodes;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const StageNode* a, const StageNode* b) { return a->range.first < b->range.first; });
  const auto at_stage = [&](const StageNode& node, auto&& action) {
    try {
      action();
    } catch (const util::Cancelled&) {
      throw;
    } catch (const util::Error& error) {
      throw DockerfileError(fmt::format("resolve base image `{}`: {}{}", node.base, error.message(),
                                        suggestion_for(node.base, stage_names)),
                            {context_.dockerfile.source, {node.range}}, error.hint());
    }
  };
  using Task = std::packaged_task<oci::ResolvedImage()>;
  std::map<Key, std::pair<const StageNode*, std::shared_ptr<Task>>> tasks;
  std::vector<Key> order;
  for (const StageNode* node : ordered) {
    if (keys_.contains(node)) continue;
    at_stage(*node, [&] {
      const std::optional<oci::ImageLocation> location = image_location(*node);
      if (!location) return;
      const Key key{key_text(*location), node->platform.to_string()};
      keys_[node] = key;
      if (images_.contains(key) || tasks.contains(key)) return;
      const auto resolve_one = [this, where = *location, platform = node->platform] {
        return resolver_.resolve(where, platform);
      };
      tasks[key] = {node, std::make_shared<Task>(resolve_one)};
      order.push_back(key);
    });
  }
  util::WorkerPool pool(kParallelResolves);
  for (const Key& key : order) pool.post([task = tasks[key].second] { (*task)(); });
  for (const Key& key : order) {
    const auto& entry = tasks[key];
    at_stage(*entry.first, [&] { images_[key] = entry.second->get_future().get(); });
  }
}

const oci::ResolvedImage* Bases::image(const StageNode& node) const {
  const auto key = keys_.find(&node);
  return key == keys_.end() ? nullptr : &images_.at(key->second);
}

std::vector<std::string> Bases::triggers(const StageNode& node) const {
  const oci::ResolvedImage* found = image(node);
  return found == nullptr ? std::vector<std::string>() : found->config.on_build;
}

void Bases::lint_platform(const StageNode& node, const oci::ImageConfig& config) const {
  const oci::Platform& actual = config.platform;
  if (actual.os == node.platform.os && actual.architecture == node.platform.architecture) return;
  context_.lint.add(
      "InvalidBaseImagePlatform",
      fmt::format("base image `{}` is for {}, not for {}", node.base, actual.to_string(), node.platform.to_string()),
      node.range);
}

llb::VertexRef Bases::image_vertex(const StageNode& node, const oci::ResolvedImage& image, StepNames& names) const {
  const std::string shown = shown_name(*image_location(node), image);
  llb::VertexMeta meta;
  meta.instruction = "FROM " + shown;
  meta.name = node.context != nullptr ? fmt::format("[context {}] {}", node.context_name, shown)
                                      : names.next(meta.instruction, node.platform, {});
  meta.location = {context_.dockerfile.source, {node.range}};
  meta.stage = node.label;
  llb::ImageSource source;
  source.location = image.location;
  source.manifest = image.manifest;
  source.platform = node.platform;
  return llb::make_vertex(std::move(source), {}, std::move(meta));
}

StageState Bases::begin(const StageNode& node, StepNames& names) const {
  if (const oci::ResolvedImage* found = image(node)) {
    StageState state = StageState::image(found->config, node.platform);
    if (!has_no_layers(found->config)) {
      state.root = image_vertex(node, *found, names);
      lint_platform(node, found->config);
    }
    return state;
  }
  StageState state = StageState::scratch(node.platform);
  if (node.context != nullptr && node.context->kind == NamedContext::Kind::directory) {
    llb::VertexMeta meta;
    meta.name = fmt::format("[context {}] load from directory", node.context_name);
    meta.instruction = meta.name;
    state.root = llb::make_vertex(node.context->directory, {}, std::move(meta));
  } else if (node.context != nullptr) {
    state.root = node.context->vertex;
  }
  return state;
}

}  // namespace dockerfile
