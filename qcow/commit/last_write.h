#pragma once

#include <optional>

#include "qcow/chain/chain.h"
#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"

/// Inside of the commit room: what the file system tells of writes to layers, and to a base since a commit left it.
namespace qchain {

/// When the image's file, or its external data file, was last written to, by the file system as it is now. Nothing
/// where that can't be told: the time of a device's node is no time of its bytes.
[[nodiscard]] std::optional<FileTime> last_write(const Image& image);

/// Whether each layer, were it written to, would have another size or time. Not one on a device, which has none of its
/// own; nor one with an external data file, which is written to alone.
[[nodiscard]] bool would_show_changes(const Slice& layers);

/// A commit of all layers, these or some of these, is done, and the base was written to since: a guest goes on in it.
/// The chain looks as before the commit; merged again, the layers would take back what was written. A base that is as
/// the commit left it may be merged into again: that gives the same once more.
[[nodiscard]] bool is_written_since(const CommitRecord& record, const Selection& selection);

}  // namespace qchain
