#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "qcow/bulk/stored_batches.h"
#include "qcow/chain/view.h"
#include "qcow/commit/base_writer.h"
#include "qcow/commit/digest.h"
#include "qcow/commit/throttle.h"

namespace qchain {

/// What a copier works with; all outlive it.
struct CopierSetup {
  const View& above;
  BaseWriter& base;
  MergedDigest& digest;  ///< gets the bytes; the runs are noted by the caller
  Throttle& throttle;
  std::function<Result<void>(std::uint64_t bytes)> copied;  ///< called by the calling thread, with each guest bytes
  unsigned threads = 16;                                    ///< at least 1
  CacheUse cache = CacheUse::pass_by;
  std::uint64_t gathered = UINT64_MAX;  ///< guest bytes: the most that are put off
  std::stop_token stop;
};

/// Copies runs of a view into a base. Asked in guest order; may put the work off, and do it in an order of its own.
/// Errors: io, corrupt, no_space, interrupted.
class Copier {
 public:
  Copier() = default;
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;
  virtual ~Copier() = default;

  [[nodiscard]] virtual Result<void> copy(const Extent& extent) = 0;
  /// Before something else is done with the base that has to come after what was asked for.
  [[nodiscard]] virtual Result<void> settle() = 0;
  /// Much of the view will not be asked for.
  virtual void expect_little() {}
  /// All that was asked for is in the base.
  [[nodiscard]] virtual Result<void> finish() = 0;
  /// Guest offset of the first byte that was put off; nothing where none was.
  [[nodiscard]] virtual std::optional<std::uint64_t> first_pending() const = 0;
};

/// In guest order: for a base that has to find a place for what is new.
[[nodiscard]] std::unique_ptr<Copier> copier_in_guest_order(CopierSetup setup);
/// In the order that read_in_file_order() has: for a base that takes any.
[[nodiscard]] std::unique_ptr<Copier> copier_in_file_order(CopierSetup setup);

}  // namespace qchain
