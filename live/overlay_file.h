#pragma once

#include <functional>
#include <string>

#include "qcow/chain/image.h"
#include "qcow/commit/record.h"

/// Inside of the live room.
namespace qchain::live {

/// An empty qcow2 image of `size` guest bytes whose header names `backing_name`; readable and writable by whoever may
/// read and write `like`, so that a QEMU that runs as another user can open it. Never over an existing file. The
/// backing file is not opened: a guest may be writing to it. No `backing_name`: it names none. `announce` is called
/// before the file has its name, so that a run that is cut off leaves none that nobody knows of. Errors: those of
/// OutputFile, limit, `announce`.
[[nodiscard]] Result<RecordedFile> make_overlay(const std::string& path, std::uint64_t size,
                                                const std::string& backing_name, ImageFormat backing_format,
                                                const Storage& like,
                                                const std::function<Result<void>(const RecordedFile&)>& announce);

}  // namespace qchain::live
