#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "qcow/storage/unique_fd.h"
#include "tests/mount/chains.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// A file opened for reading; failures are std::system_error.
class FileReader {
 public:
  explicit FileReader(const std::string& path, int more_flags = 0);

  [[nodiscard]] ByteVector read(std::uint64_t offset, std::size_t length) const;
  /// Walks by SEEK_DATA and SEEK_HOLE.
  [[nodiscard]] std::vector<DataRun> data_runs() const;
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// As same_bytes, but quick where they are the same.
[[nodiscard]] testing::AssertionResult equal_bytes(Bytes expected, Bytes got);

/// errno of opening, or 0.
[[nodiscard]] int open_error(const std::string& path, int flags);

}  // namespace qchain::test
