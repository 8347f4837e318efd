#pragma once

#include "qcow/commit/commit.h"

/// Inside of the commit room: what an earlier run has left.
namespace qchain {

/// A layer as a record names it.
[[nodiscard]] RecordedFile recorded(const Layer& layer);

/// The path beside which the record of a commit into the chain's layer `base` lies: that layer; for a block device,
/// whose folder is no place for files, a file of its name beside the active image.
[[nodiscard]] std::string record_anchor(const Chain& chain, std::size_t base);
/// The same for a base that is named, and an image that may be active or is to be.
[[nodiscard]] std::string record_anchor(const std::string& base, const std::string& active);

/// What the request says, in words that outlive a change of the chain.
[[nodiscard]] AskedFor asked_for(const CommitRequest& request, const Chain& chain);

/// The overlay that a commit under a running guest made for itself holds what the guest has written by now: once the
/// commit has ended without taking it away it is an image like others.
void disown_overlay(CommitRecord& record);

/// Begun, and not yet `done`.
[[nodiscard]] bool is_unfinished(const CommitRecord& record) noexcept;

/// The record is about the commit of these layers: same base, same merged layers, same overlay.
[[nodiscard]] bool is_about(const CommitRecord& record, const Selection& selection);

/// The refusal to begin while another commit into `base` is not finished: names the command that finishes it.
[[nodiscard]] Error unfinished_commit(const CommitRecord& record, const std::string& base);

/// No commit of a layer of `selection` into one below its base is unfinished: after this one, the other's layers would
/// not be in the chain any more, and it could never be finished. (One whose layers are gone can't be anyway.) Errors:
/// refused (what finishes it), io, corrupt.
[[nodiscard]] Result<void> expect_none_unfinished_below(const Selection& selection, const RecordsBeside& records);

}  // namespace qchain
