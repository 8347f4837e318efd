#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/live/guest/workload.h"

namespace qchain::test {

/// What the guest's disk must hold, worked out without the guest: its operations follow from a seed.
class ExpectedDisk {
 public:
  explicit ExpectedDisk(const guest::Workload& workload) : workload_(workload), table_(workload.blocks) {}

  /// After the first `done` operations; only forward.
  void advance_to(guest::Generation done);

  struct Difference {
    std::uint64_t blocks = 0;
    std::string first;  ///< empty: none
  };
  /// Compares the file `raw`. Operations after the present one, up to `latest`, may or may not have happened.
  [[nodiscard]] Difference compare(const std::string& raw, guest::Generation latest) const;
  /// The same where all is known.
  [[nodiscard]] Difference compare(const std::string& raw) const { return compare(raw, done_); }

 private:
  guest::Workload workload_;
  guest::Generation done_ = 0;
  std::vector<guest::Generation> table_;
};

}  // namespace qchain::test
