#pragma once

#include <cstdint>
#include <string>

#include "tests/support/seed.h"

namespace qchain::test {

/// The features of one random qcow2 layer, legal together.
struct LayerOptions {
  bool version_2 = false;
  std::uint64_t cluster = 0;  ///< bytes
  bool extended_l2 = false;
  bool zstd = false;
  bool lazy_refcounts = false;
  std::uint64_t refcount_bits = 16;
  std::string data_file;  ///< absolute path, or empty
  bool raw_data_file = false;
  std::string preallocation;  ///< empty: none

  /// For qemu-img create -o.
  [[nodiscard]] std::string text() const;
};

/// `data_file` is the name to take if there is one; only a layer without backing file may have a raw one.
[[nodiscard]] LayerOptions random_options(bool has_backing, const std::string& data_file, Random& random);

}  // namespace qchain::test
