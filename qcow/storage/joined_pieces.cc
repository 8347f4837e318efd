#include "qcow/storage/joined_pieces.h"

namespace qchain {

namespace {

/// Far below what one request may have.
constexpr std::size_t most_joined = std::size_t{4} << 20;

bool continues(const WritePiece& piece, const WritePiece& before) {
  const Bytes bytes = before.bytes;
  return before.offset + bytes.size() == piece.offset && bytes.data() + bytes.size() == piece.bytes.data() &&
         bytes.size() + piece.bytes.size() <= most_joined;
}

}  // namespace

std::vector<WritePiece> joined(std::span<const WritePiece> pieces) {
  std::vector<WritePiece> all;
  all.reserve(pieces.size());
  for (const WritePiece& piece : pieces) {
    if (all.empty() || !continues(piece, all.back())) {
      all.push_back(piece);
      continue;
    }
    Bytes& bytes = all.back().bytes;
    bytes = Bytes(bytes.data(), bytes.size() + piece.bytes.size());
  }
  return all;
}

}  // namespace qchain
