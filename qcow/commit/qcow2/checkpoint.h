#pragma once

#include "qcow/commit/qcow2/free_list.h"
#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/commit/qcow2/header_sector.h"
#include "qcow/commit/qcow2/mapping.h"
#include "qcow/commit/qcow2/refcounts.h"

namespace qchain::qcow2_base {

/// Brings what is in memory into the file, in an order in which no crash leaves a reference to what is not there, or a
/// refcount that is too low. The one place that decides when to sync.
class Checkpoint {
 public:
  /// Everything outlives it. `data`: the external data file, or `file` itself.
  Checkpoint(GrowingFile& file, GrowingFile& data, HeaderSector& header, Refcounts& refcounts, Mapping& mapping,
             FreeList& frees)
      : file_(file), data_(data), header_(header), refcounts_(refcounts), mapping_(mapping), frees_(frees) {}

  /// What was written and mapped so far is in the file, but not durable yet. Mostly one sync.
  [[nodiscard]] Result<void> run();
  /// The same, and durable.
  [[nodiscard]] Result<void> run_durably();
  /// What run() does, and what nothing refers to yet is durable, with its refcounts: the header may name it.
  [[nodiscard]] Result<void> settle();
  /// Writes the header sector, which stops referring to `replaced` (may be empty): all it refers to is durable before.
  [[nodiscard]] Result<void> switch_header(Range replaced);
  /// What run_durably() does, and nothing leaks: what is not referred to any more is free.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> write_entries();
  [[nodiscard]] Result<void> sync_file();

  GrowingFile& file_;
  GrowingFile& data_;
  HeaderSector& header_;
  Refcounts& refcounts_;
  Mapping& mapping_;
  FreeList& frees_;
};

}  // namespace qchain::qcow2_base
