#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace qchain {

enum class Severity : std::uint8_t {
  damage,  ///< the format is contradicted: data is lost, or will be by the next write
  leak,    ///< space that nothing uses and nothing will
  notice,  ///< worth knowing, no damage
};
/// "damage", "leak", "notice".
[[nodiscard]] const char* name_of(Severity severity) noexcept;

/// One thing that a check found.
struct Finding {
  Severity severity = Severity::damage;
  std::string what;                     ///< lower case, no full stop; may hold any bytes of names
  std::optional<std::uint64_t> offset;  ///< in the image file, bytes
};

/// The first findings of a check in full: a broken image must not fill memory or a terminal. The rest is only counted,
/// by whoever finds it.
class Findings {
 public:
  static constexpr std::size_t most = 100;

  void add(Severity severity, std::string what, std::optional<std::uint64_t> offset = {}) {
    if (list_.size() < most) {
      list_.push_back({severity, std::move(what), offset});
    } else {
      ++left_out_;
    }
  }
  [[nodiscard]] const std::vector<Finding>& list() const noexcept { return list_; }
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  std::vector<Finding> list_;
  std::uint64_t left_out_ = 0;
};

}  // namespace qchain
