#pragma once

#include <functional>
#include <map>

#include "qcow/chain/view.h"

namespace qchain {

/// The layers' files, opened once more to be read past the page cache: for a process that gives up opening files before
/// it reads. Owns a descriptor for each file it opened. Thread-safe once made.
class PastCache {
 public:
  /// So many files at the most, from the top: others of the process want descriptors too.
  static constexpr std::size_t most = 64;

  /// Which files it shall open: called once for each.
  using Wanted = std::function<bool(const Storage& file)>;

  explicit PastCache(const View& view);
  PastCache(const View& view, const Wanted& wanted);
  /// `file`: data storage of a layer of the view. Null: it has to be read the usual way.
  [[nodiscard]] SharedStorage of(const Storage& file) const;

 private:
  std::map<const Storage*, SharedStorage> opened_;
};

}  // namespace qchain
