#pragma once

#include <string_view>

#include "qcow/chain/image.h"
#include "qcow/core/error.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// Whether the overlay's header has room for the name; nothing is written. Errors: limit, unsupported, io.
[[nodiscard]] Result<void> check_relink(const Storage& overlay, std::uint64_t cluster_size, std::string_view name,
                                        ImageFormat format);

/// Gives the overlay another backing file: at any moment, and after a crash at any moment, its header names the old one
/// or the new one. Durable when it returns. Errors: as check_relink(), no_space.
[[nodiscard]] Result<void> relink(WritableStorage& overlay, std::uint64_t cluster_size, std::string_view name,
                                  ImageFormat format);

}  // namespace qchain
