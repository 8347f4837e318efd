#include "tests/support/peak_memory.h"

#include <fstream>
#include <stdexcept>
#include <string>

namespace qchain::test {

std::size_t peak_memory(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "VmHWM:" && status >> kib) {
      return kib * 1024;
    }
  }
  throw std::runtime_error("no VmHWM");
}

}  // namespace qchain::test
