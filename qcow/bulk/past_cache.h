#pragma once

#include <map>

#include "qcow/chain/view.h"

namespace qchain {

/// The layers' files, opened once more to be read past the page cache: for a process that gives up opening files before
/// it reads in bulk. Owns a descriptor for each file it opened. Thread-safe once made.
class PastCache {
 public:
  /// So many files at the most, from the top: others of the process want descriptors too.
  static constexpr std::size_t most = 64;

  explicit PastCache(const View& view);
  /// `file`: data storage of a layer of the view. Null: it has to be read the usual way.
  [[nodiscard]] SharedStorage of(const Storage& file) const;

 private:
  std::map<const Storage*, SharedStorage> opened_;
};

}  // namespace qchain
