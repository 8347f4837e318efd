#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace qchain::test {

/// base.raw (8 MiB) <- a.qcow2 (6 MiB) <- b.qcow2 (10 MiB, zstd) <- c.qcow2 in a folder of its own; the tests run with
/// that folder as the current one. Made once for all tests of a suite: they don't change it.
///   base: data 0..64 KiB of 0x11;      a: data 128..192 KiB of 0x22, zero 256..320 KiB
///   b: compressed 1..1.0625 MiB of 0x33, bitmap "bm", internal snapshot "snap";   c: data 9..9.0625 MiB of 0x44
class SampleChain : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] static std::string path(std::string_view name);

 private:
  static TempDir* shared_folder;
  std::string before_;
};

/// A raw file of many small extents: 4000 times 4 KiB of data and a hole as long.
void make_dust(const std::string& path);

}  // namespace qchain::test
