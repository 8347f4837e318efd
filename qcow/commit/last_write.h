#pragma once

#include <optional>

#include "qcow/chain/image.h"
#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"

/// Inside of the commit room: whether a base is still as a commit left it.
namespace qchain {

/// When the image's file, or its external data file, was last written to, by the file system as it is now. Nothing
/// where that can't be told: the time of a device's node is no time of its bytes.
[[nodiscard]] std::optional<FileTime> last_write(const Image& image);

/// A commit of all layers, these or some of these, is done, and the base was written to since: a guest goes on in it.
/// The chain looks as before the commit; merged again, the layers would take back what was written. A base that is as
/// the commit left it may be merged into again: that gives the same once more.
[[nodiscard]] bool is_written_since(const CommitRecord& record, const Selection& selection);

}  // namespace qchain
