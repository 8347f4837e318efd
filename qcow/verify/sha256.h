#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"

namespace qchain {

/// SHA-256 of a stream of bytes, by OpenSSL.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(Bytes bytes);
  void add_zeros(std::uint64_t count);
  /// 64 hexadecimal digits, as sha256sum prints them; nothing more is added after it. Errors: io (the library can't).
  [[nodiscard]] Result<std::string> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace qchain
