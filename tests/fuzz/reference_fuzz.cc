#include <cstdint>
#include <string_view>

#include "oci/reference.h"
#include "util/check.h"
#include "util/error.h"

// What is accepted reads the same after being written, in full and as people write it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  oci::Reference reference;
  try {
    reference = oci::Reference::parse({reinterpret_cast<const char*>(data), size});
  } catch (const util::Error&) {
    return 0;
  }
  CHECK(!reference.domain.empty() && !reference.repository.empty());
  CHECK(!reference.tag.empty() || reference.digest);
  CHECK(oci::Reference::parse(reference.to_string()).to_string() == reference.to_string());
  CHECK(oci::Reference::parse(reference.familiar()).to_string() == reference.to_string());
  return 0;
}
