#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "util/stream.h"

namespace util {

enum class Compression { none, gzip, zstd };

/// "uncompressed", "gzip", "zstd" (the names of buildx's `compression=`).
std::optional<Compression> parse_compression(std::string_view name);
std::string_view to_string(Compression compression);

/// Compresses everything written into `next`, on up to `threads` threads (0 = all cores). The bytes
/// depend on the input and the level only, never on `threads` or timing: input is cut in fixed chunks.
/// gzip carries no name and no time. `level` 0..9 for gzip, 0..22 for zstd; nullopt = default (gzip: fast).
/// `next` is written to by those threads, one at a time. `finish` must be called; it finishes `next` too.
std::unique_ptr<Writer> make_compressor(Compression compression, std::optional<int> level, Writer& next,
                                        unsigned threads = 0);

/// What the first bytes (6 are enough) say: none, gzip, zstd; also "bzip2" and "xz" for ADD.
enum class Encoding { identity, gzip, bzip2, xz, zstd };
Encoding detect_encoding(Bytes head);

/// Reads the decompressed bytes of `from` (borrowed), whatever of the five encodings it is. gzip with
/// several members is read to its end. Corrupt or cut-off input throws Error.
std::unique_ptr<Reader> make_decompressor(Reader& from);

}  // namespace util
