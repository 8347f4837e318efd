#pragma once

#include <string>
#include <string_view>

namespace qchain::test {

/// A new folder under $TMPDIR or /tmp, deleted with all it holds at the end unless keep() was called.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  /// Absolute, without links, without a slash at its end.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Absolute name of `name` in it.
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  void keep() noexcept { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

}  // namespace qchain::test
