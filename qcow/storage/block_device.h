#pragma once

#include <string>

#include "qcow/storage/storage.h"

namespace qchain {

/// Whether an open file is one; false too of storage that is no file.
[[nodiscard]] bool is_block_device(const Storage& storage) noexcept;
/// Whether `path` leads to one; false too where nothing is there, or can't be looked at.
[[nodiscard]] bool is_block_device(const std::string& path) noexcept;

}  // namespace qchain
