#pragma once

#include <stdexcept>
#include <string>

namespace qchain::test {

/// qchain and QEMU disagree; the text says where and on what.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void disagree(const std::string& what) {
  throw Mismatch(what);
}

}  // namespace qchain::test
