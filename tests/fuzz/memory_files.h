#pragma once

#include <memory>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/storage/gate.h"

namespace qchain::fuzz {

/// Gives files that lie in memory, which must outlive it: `content` number N for a path that ends with "N.img". Every
/// number is another file; nothing else is there.
class MemoryGate final : public Gate {
 public:
  explicit MemoryGate(std::vector<Bytes> contents) : contents_(std::move(contents)) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;

 private:
  std::vector<Bytes> contents_;
};

/// "N.img".
[[nodiscard]] std::string image_name(std::size_t number);

}  // namespace qchain::fuzz
