#pragma once

#include <memory>

#include "cache/content_store.h"
#include "cache/image_store.h"
#include "cache/layer_store.h"
#include "cache/record_store.h"
#include "oci/image_resolver.h"
#include "oci/registry.h"
#include "source/source.h"

namespace source {

/// Images from registries, OCI layouts and the local store. Resolves names (once per build), fetches manifests and configs,
/// registers layers as remote; downloads blobs when the layer store asks (`fetch_blob` is its Fetcher).
class ImageSource final : public Source, public oci::ImageResolver {
 public:
  struct Options {
    bool pull = false;         ///< --pull: ask the registry even if the name is known here
  };
  ImageSource(cache::ContentStore& content, cache::LayerStore& layers, cache::ImageStore& images, cache::RecordStore& records,
              oci::RegistryClient& registry, util::ProgressSink& progress, Options options);
  ~ImageSource() override;

  /// Reports itself as a task "[internal] load metadata for NAME".
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override;
  Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) override;
  cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task, std::stop_token stop) override;
  /// Brings a remote blob into the content store; `origin` as registered with the layer.
  void fetch_blob(const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task, std::stop_token stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace source
