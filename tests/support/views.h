#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "qcow/chain/view.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// Opens the chain under `image` with locks, as the commands do.
[[nodiscard]] Result<Chain> open_chain(const std::string& image, const ChainOptions& options = {});
/// The view of the whole chain under `image`.
[[nodiscard]] Result<std::shared_ptr<View>> open_view(const std::string& image, const ChainOptions& options = {});
[[nodiscard]] std::shared_ptr<View> make_view(const Slice& slice, const ViewCaches& caches = ViewCaches());

/// All bytes of a view.
[[nodiscard]] Result<ByteVector> read_all(const View& view);
/// All bytes of the chain under `image`, or why not.
[[nodiscard]] Result<ByteVector> read_image(const std::string& image, const ChainOptions& options = {});

/// The joined extents of a range, or of the whole view.
[[nodiscard]] Extents extents_of(const View& view, Range range);
[[nodiscard]] Extents extents_of(const View& view);
[[nodiscard]] std::string to_string(const Extent& extent);

/// First difference of two disks, or success.
[[nodiscard]] testing::AssertionResult same_bytes(Bytes expected, Bytes got);
/// qchain reads `image` as qemu-img convert does, byte for byte.
[[nodiscard]] testing::AssertionResult reads_like_qemu(const std::string& image);
/// Opening, or else reading all of it, gives an error of this kind whose line holds `words`.
[[nodiscard]] testing::AssertionResult is_refused(const std::string& image, ErrorKind kind, std::string_view words,
                                                  const ChainOptions& options = {});

}  // namespace qchain::test
