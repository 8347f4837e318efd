#pragma once

#include <functional>
#include <string>

#include "qcow/chain/image.h"
#include "qcow/copy/copy_view.h"
#include "qcow/storage/output_file.h"

namespace qchain {

/// Where a copy goes.
struct CopyTarget {
  std::string path;  ///< may hold any bytes but NUL
  ImageFormat format = ImageFormat::qcow2;
  Existing existing = Existing::refuse;
  /// Called once all files are open, before a byte of the view is read; may be empty. An error ends the copy.
  std::function<Result<void>(const OutputFile& output)> opened = nullptr;
};

/// Writes the view to a new image, which has its name only once it is whole and on stable storage. With
/// Existing::replace an old file stays as it was until that moment; a block device (raw only) is written in place.
/// Never writes to a file of the view's own chain.
/// Errors: those of copy_view(), OutputFile, and refused, where the target belongs to the chain.
[[nodiscard]] Result<CopyTotals> copy_to_file(const View& view, const CopyTarget& target, const CopyOptions& options);

}  // namespace qchain
