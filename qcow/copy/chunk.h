#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "qcow/chain/view.h"

namespace qchain {

/// What is done with a chunk.
enum class ChunkAction : std::uint8_t {
  zero,   ///< it reads as zeros
  lost,   ///< its one piece is broken
  copy,   ///< its pieces are read one after the other and written together
  clone,  ///< its one piece lies in a file that the output may share blocks with
};

/// A part of the disk that is moved in one go.
struct Chunk {
  ChunkAction action = ChunkAction::zero;
  Range range;     ///< guest bytes
  Extents pieces;  ///< cover `range` without gaps; empty for zero
};

/// Which layers' data the output may share, and in which units.
struct CloneSources {
  std::vector<bool> layers;   ///< by position in the chain; empty: none
  std::uint64_t unit = 4096;  ///< bytes, a power of two
};

/// What a copy does where a layer can't give what it should.
enum class OnLoss : std::uint8_t {
  fail,     ///< it ends
  salvage,  ///< zeros take the place of what is lost, and the copy goes on
};

/// Cuts a view into chunks, from its start to its end. A chunk to copy is at most `copy_size` bytes and does not cross
/// a multiple of it: it is made of whole clusters wherever the view stores whole clusters.
class Chunker {
 public:
  static constexpr std::uint64_t copy_size = std::uint64_t{1} << 20;
  static constexpr std::uint64_t max_clone = std::uint64_t{64} << 20;  ///< one system call: a stop waits for it
  static constexpr std::uint64_t min_clone = std::uint64_t{64} << 10;  ///< less is faster copied

  /// `view` outlives the chunker.
  Chunker(const View& view, CloneSources sources, OnLoss on_loss = OnLoss::fail);

  /// The next chunk, or nothing at the end. Errors: corrupt or io at a broken extent, with the layer's file; with
  /// OnLoss::salvage it is a chunk, lost.
  [[nodiscard]] Result<std::optional<Chunk>> next();

 private:
  [[nodiscard]] const Extent* front();
  [[nodiscard]] Extent take(std::uint64_t length);
  [[nodiscard]] Range clonable(const Extent& extent) const;
  [[nodiscard]] Chunk copy_chunk();

  const View& view_;
  ExtentWalk walk_;
  CloneSources sources_;
  OnLoss on_loss_;
  std::optional<Extent> front_;  ///< what is left of the extent at hand
};

}  // namespace qchain
