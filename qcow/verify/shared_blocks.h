#pragma once

#include <map>

#include "qcow/verify/placed_file.h"

namespace qchain {

/// Whether bytes of two files are the same because they are the same blocks of a file system that lets files share
/// them. Not thread-safe.
class SharedBlocks {
 public:
  struct Answer {
    bool same = false;         ///< the same blocks; else they may read as anything
    std::uint64_t length = 0;  ///< bytes from the start on that this is about, at least 1
  };

  /// `length` bytes, at least 1, of `a` and of `b`, both inside the files, which outlive the object.
  [[nodiscard]] Answer compare(const Storage& a, std::uint64_t a_offset, const Storage& b, std::uint64_t b_offset,
                               std::uint64_t length);

 private:
  [[nodiscard]] PlacedFile& placed(const Storage& file);

  std::map<const Storage*, PlacedFile> files_;
};

}  // namespace qchain
