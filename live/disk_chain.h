#pragma once

#include <string>

#include "live/machine.h"
#include "qcow/commit/selection.h"

/// Inside of the live room: a running disk, and the same chain as files.
namespace qchain::live {

/// The chain under the disk as its files tell it, if that is what the machine has open, layer by layer. Opened without
/// locks: the machine holds them, and while it commits it lets nobody read the layers (byte 200), though only their
/// masks change. What is read is right where nobody writes: every layer but the active one, and the base but for what
/// a job is writing. Errors: those of Chain::open(), refused (files and machine disagree).
[[nodiscard]] Result<Chain> open_disk_chain(const Disk& disk);

/// select_layers(), by the names that find_layer() knows.
[[nodiscard]] Result<Selection> select_on_disk(const Disk& disk, const Chain& chain, const LayerChoice& choice);

/// No other process than the machine may have the base open: it would see what changes there.
/// Errors: locked, with pid and command.
[[nodiscard]] Result<void> check_holders(const Machine& machine, const Layer& base);

/// No other disk of the machine may read through what is going to change: the base, and the layers below the top.
/// Errors: refused, with the disk's name; those of Machine::disks().
[[nodiscard]] Result<void> check_other_disks(Machine& machine, const Disk& disk, const Selection& selection);

/// Whether one of the disk's images is that file.
[[nodiscard]] bool has_layer(const Disk& disk, const FileIdentity& file);

/// The file that the path names now.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& path);

}  // namespace qchain::live
