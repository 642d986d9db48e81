#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "oci/layer.h"
#include "tests/support/listing_text.h"
#include "util/check.h"
#include "util/error.h"
#include "util/tar_format.h"

// Input: a tar archive. Blocks that look like headers get the right checksum, which no mutation would find.
namespace {

using util::tar_format::Header;
using util::tar_format::kBlock;

std::string with_checksums(std::string archive) {
  for (std::size_t at = 0; at + kBlock <= archive.size(); at += kBlock) {
    Header header;
    std::memcpy(&header, archive.data() + at, kBlock);
    if (std::memcmp(header.magic.data(), "ustar", 5) != 0) continue;
    std::snprintf(header.checksum.data(), header.checksum.size(), "%06o", util::tar_format::checksum(header).first);
    std::memcpy(archive.data() + at, &header, kBlock);
  }
  return archive;
}

/// A sparse file may say that it has exabytes: its beginning is enough.
void read_some(util::Reader& content) {
  std::array<std::byte, 1024> buffer;
  for (int i = 0; i < 8 && content.read(buffer) != 0; ++i) {
  }
}

bool clean(const std::string& path) {
  const std::string closed = "/" + path + "/";
  return closed.find("//") == std::string::npos && closed.find("/./") == std::string::npos &&
         closed.find("/../") == std::string::npos && path.find('\0') == std::string::npos;
}

void check_layer(std::string archive) {
  std::vector<oci::LayerEntry> entries;
  try {
    util::StringReader reader(std::move(archive));
    oci::read_layer(reader, [&](oci::LayerEntry& entry, util::Reader* content) {
      CHECK(!entry.path.empty() && clean(entry.path));
      CHECK(clean(entry.hard_link.empty() ? "x" : *entry.hard_link));
      CHECK((content != nullptr) == (entry.is_file() && entry.hard_link.empty()));
      if (content != nullptr) read_some(*content);
      entries.push_back(std::move(entry));
    });
  } catch (const util::Error&) {
  }
  oci::sort_entries(entries);
  std::string listing = test::listing_text(entries);
  CHECK(test::listing_text(oci::decode_listing(listing)) == listing);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string archive(reinterpret_cast<const char*>(data), size);
  check_layer(archive);
  check_layer(with_checksums(std::move(archive)));
  return 0;
}
