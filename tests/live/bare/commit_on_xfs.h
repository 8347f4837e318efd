#pragma once

#include <gtest/gtest.h>

#include "tests/live/bare/commit_live.h"
#include "tests/support/loop_xfs.h"

namespace qchain::test {

/// Commits on an XFS that shares blocks.
class CommitOnXfs : public CommitLive {
 protected:
  void SetUp() override {
    if (!xfs_.ok()) {
      GTEST_SKIP() << "no XFS here that shares blocks: " << xfs_.reason();
    }
    folder_ = xfs_.path();
    CommitLive::SetUp();
  }
  void TearDown() override { qemu_.reset(); }

  LoopXfs xfs_;
};

}  // namespace qchain::test
