#include "qcow/storage/writable_storage.h"

namespace qchain {

Result<void> WritableStorage::write_all(std::span<const WritePiece> pieces) {
  for (const WritePiece& piece : pieces) {
    QC_TRY(write(piece.offset, piece.bytes));
  }
  return {};
}

}  // namespace qchain
