#pragma once

#include <memory>

#include "exporter/exporter.h"

namespace exporter {

// The implementations of Exporter; make_exporter chooses among them.

/// type=image, and type=docker without destination: the local store; with push=true a registry too.
std::unique_ptr<Exporter> make_image_exporter(ExportServices services);
/// type=registry: pushed and not named in the local store.
std::unique_ptr<Exporter> make_registry_exporter(ExportServices services);
/// type=oci, type=docker: an OCI image layout as archive or directory.
std::unique_ptr<Exporter> make_oci_exporter(ExportServices services);
/// type=tar: the root file system as one archive.
std::unique_ptr<Exporter> make_tar_exporter(ExportServices services);
/// type=local: the root file system in a directory.
std::unique_ptr<Exporter> make_local_exporter(ExportServices services);
/// type=cacheonly: nothing.
std::unique_ptr<Exporter> make_cache_only_exporter();

}  // namespace exporter
