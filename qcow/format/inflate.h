#pragma once

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"

namespace qchain::format {

/// Inflates one compressed cluster. `packed` may be longer than the stream (sector rounding) and is zero-padded by
/// the caller where the file ends early; `cluster` is filled completely. Thread-safe: each thread keeps its own
/// decompressor. Errors: corrupt.
/// zlib means raw deflate; zstd may hold several frames. Source: QEMU block/qcow2-threads.c.
[[nodiscard]] Result<void> inflate(CompressionType type, Bytes packed, MutableBytes cluster);

}  // namespace qchain::format
