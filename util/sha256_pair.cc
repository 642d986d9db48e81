#include "util/sha256_pair.h"

#include "util/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace util {

#if defined(__x86_64__)
namespace {

constexpr std::size_t kBlock = 64;

/// FIPS 180-4, 4.2.2.
alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// The eight words in the order in which the instructions want them: those that a round changes, and the others.
struct Lane {
  __m128i abef;
  __m128i cdgh;
};

__attribute__((target("sha,sse4.1"))) Lane load(const std::uint32_t* state) {
  const __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state)), 0xb1);
  const __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4)), 0x1b);
  return {_mm_alignr_epi8(low, high, 8), _mm_blend_epi16(high, low, 0xf0)};
}

__attribute__((target("sha,sse4.1"))) void store(const Lane& lane, std::uint32_t* state) {
  const __m128i low = _mm_shuffle_epi32(lane.abef, 0x1b);
  const __m128i high = _mm_shuffle_epi32(lane.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(high, low, 8));
}

__attribute__((target("sha,sse4.1"), always_inline)) inline void four_rounds(Lane& lane, __m128i words) {
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, words);
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32(words, 0x0e));
}

}  // namespace

bool has_sha256_pair() noexcept {
  static const bool has = [] {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    return (ebx & bit_SHA) != 0 && __builtin_cpu_supports("sse4.1") != 0;
  }();
  return has;
}

__attribute__((target("sha,sse4.1"))) void sha256_pair(std::span<std::uint32_t, 8> first, std::span<std::uint32_t, 8> second,
                                                       std::span<const std::byte> data) noexcept {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  Lane a = load(first.data());
  Lane b = load(second.data());
  for (; !data.empty(); data = data.subspan(kBlock)) {
    const Lane a_before = a, b_before = b;
    // The same words for both: the schedule is made once.
    __m128i words[4];
    for (int i = 0; i < 4; ++i) {
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data.data()) + i), big_endian);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const __m128i sum = _mm_add_epi32(words[i & 3], _mm_load_si128(reinterpret_cast<const __m128i*>(kRound) + i));
      four_rounds(a, sum);
      four_rounds(b, sum);
      if (i >= 12) continue;
      const __m128i next = _mm_sha256msg1_epu32(words[i & 3], words[(i + 1) & 3]);
      const __m128i carried = _mm_alignr_epi8(words[(i + 3) & 3], words[(i + 2) & 3], 4);
      words[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(next, carried), words[(i + 3) & 3]);
    }
    a = {_mm_add_epi32(a.abef, a_before.abef), _mm_add_epi32(a.cdgh, a_before.cdgh)};
    b = {_mm_add_epi32(b.abef, b_before.abef), _mm_add_epi32(b.cdgh, b_before.cdgh)};
  }
  store(a, first.data());
  store(b, second.data());
}

#else

bool has_sha256_pair() noexcept {
  return false;
}
void sha256_pair(std::span<std::uint32_t, 8>, std::span<std::uint32_t, 8>, std::span<const std::byte>) noexcept {
  CHECK(false);
}

#endif

}  // namespace util
