#pragma once

#include <memory>
#include <stop_token>

#include "cache/content_store.h"
#include "cache/image_store.h"
#include "cache/layer_store.h"
#include "cache/record_store.h"
#include "oci/image_resolver.h"
#include "oci/registry.h"
#include "source/source.h"

namespace source {

/// Images from registries, OCI layouts and the local store. Resolves names (once per build), fetches manifests and
/// configs, registers layers as remote; downloads blobs when the layer store asks (`fetch_blob` is its Fetcher).
/// Thread-safe.
///
/// A tag is asked for at its registry with one request (HEAD when its last manifest is still here); a digest whose
/// manifest and config are here needs none. When the registry cannot be reached, an image of that name in the local
/// store or the last remembered resolution stands in, with a warning; for a name the registry does not have (or does
/// not show) only the former.
class ImageSource final : public Source, public oci::ImageResolver {
 public:
  struct Options {
    bool pull = false;     ///< --pull: the registry's answer only; nothing stands in
    std::stop_token stop;  ///< ends `resolve`
  };
  ImageSource(cache::ContentStore& content, cache::LayerStore& layers, cache::ImageStore& images,
              cache::RecordStore& records, oci::RegistryClient& registry, util::ProgressSink& progress,
              Options options);
  ~ImageSource() override;

  /// Reports itself as a task "[internal] load metadata for NAME".
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override;
  Pin pin(const llb::SourceOp& op, util::ProgressTask* task, std::stop_token stop) override;
  cache::Result fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask* task, std::stop_token stop) override;
  bool is_here(const cache::Result& image) override;
  /// Brings a remote blob into the content store; `origin` as registered with the layer. Requests for the same blob at
  /// the same time download it once.
  void fetch_blob(const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task,
                  std::stop_token stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace source
