#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/layer.h"
#include "tests/support/listing_text.h"
#include "util/check.h"
#include "util/digest.h"
#include "util/error.h"

// Input: a listing without magic and checksum, which are added, for no mutation would find the right checksum.
namespace {

constexpr std::size_t kChecksum = 32;

std::string magic() {
  std::string empty = test::listing_text({});
  empty.resize(empty.size() - kChecksum - 1);
  return empty;
}

std::string checksum(std::string_view data) {
  util::Digest digest = util::sha256_of(data);
  std::string raw;
  for (std::size_t i = 0; i < 2 * kChecksum; i += 2)
    raw += static_cast<char>(std::stoi(std::string(digest.hex().substr(i, 2)), nullptr, 16));
  return raw;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kMagic = magic();
  std::string_view body(reinterpret_cast<const char*>(data), size);
  try {
    oci::decode_listing(body);
  } catch (const util::Error&) {
  }
  std::string listing = kMagic + std::string(body);
  listing += checksum(listing);
  try {
    std::vector<oci::LayerEntry> entries = oci::decode_listing(listing);
    for (const oci::LayerEntry& entry : entries) CHECK(!entry.path.empty());
    std::string written = test::listing_text(entries);
    CHECK(test::listing_text(oci::decode_listing(written)) == written);
  } catch (const util::Error&) {
  }
  return 0;
}
