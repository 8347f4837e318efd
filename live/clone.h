#pragma once

#include "live/context.h"
#include "live/places.h"

/// Inside of the live room: LiveEngine::clone, which writes to no file that the machine has open.
namespace qchain::live {

/// Makes a file beside the base that shares the base's blocks, and those of the layers above it up to the top; compares
/// it with what the top reads as (the report has that); only if they read the same it takes the base's name. The
/// machine goes on with what it has open. From then on the chain on disk is right with the merged layers and without
/// them: the record is `relinking`. Errors: io, no_space, interrupted, refused; the chain is as before then, and
/// nothing is left.
[[nodiscard]] Result<void> replace_base(Context& context, const Disk& disk, const Places& places);

/// Puts the new base below the overlay, with an empty image of ours between them, whose commit lets the overlay's
/// header name the base. Errors: those of OutputFile, Machine.
[[nodiscard]] Result<void> insert_new_base(Context& context, const Disk& disk, const Places& places);

}  // namespace qchain::live
