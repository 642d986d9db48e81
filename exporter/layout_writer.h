#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/content_store.h"
#include "exporter/archive_writer.h"
#include "exporter/image_writer.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "util/stream.h"

namespace exporter {

/// An image and the names it gets in a layout.
struct NamedImage {
  WrittenImage image;
  std::vector<oci::Reference> names;
};

/// An OCI image layout that is to be written: the documents, and which blobs of the content store, under their paths.
struct Layout {
  std::map<std::string, std::string> documents;
  std::map<std::string, util::Digest> blobs;
  std::vector<util::Digest> layers;  ///< those of them that are layers: image by image from the bottom, each once
  std::vector<oci::Descriptor> entries;  ///< of index.json: one per name, or one without
};

/// `docker`: with what `docker load` reads besides the layout (manifest.json); of an image for several platforms it has
/// the one of this machine, else the first.
Layout make_layout(std::span<const NamedImage> images, bool docker);

/// Where a layout has a blob.
std::string blob_path(const util::Digest& digest);

/// Reads all blobs that have to be; at once, before the first byte goes to where it cannot be taken back from. Throws
/// cache::Damage, util::Cancelled.
void verify_blobs(const Layout& layout, const cache::ContentStore& content, const std::stop_token& stop);

/// A blob of an archive; and the parts before and behind the layers, which stand there in their order: a layer can be written as soon as
/// those below it are known.
void add_blob(ArchiveWriter& archive, const util::Digest& blob, const cache::ContentStore& content, const std::stop_token& stop);
void begin_layout_archive(ArchiveWriter& archive);
void end_layout_archive(ArchiveWriter& archive, const Layout& layout, const cache::ContentStore& content,
                        const std::stop_token& stop);

/// As a tar archive, always the same bytes for the same images. Does not finish `to`. Throws util::Error; cache::Damage
/// before anything is written.
void write_layout_archive(const Layout& layout, util::Writer& to, const cache::ContentStore& content,
                          const std::stop_token& stop);
/// Into a directory, which is made when it is missing, or a layout that is there: then its images stay, and a name that
/// it has moves to the new image. Throws util::Error; cache::Damage before anything is written.
void write_layout_directory(const Layout& layout, const std::string& destination, const cache::ContentStore& content,
                            const std::stop_token& stop);

}  // namespace exporter
