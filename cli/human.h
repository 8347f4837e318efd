#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace qchain::cli {

/// "0 B", "512 B", "356 KiB", "4.5 GiB", "1000 MiB": three or four digits, rounded to nearest.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "0:07", "12:30", "3:05:00".
[[nodiscard]] std::string duration_text(std::uint64_t seconds);

/// Columns that `text` takes on a terminal, counting code points of UTF-8.
[[nodiscard]] std::size_t columns_of(std::string_view text) noexcept;

enum class Align : std::uint8_t { left, right };

/// Rows of text in columns as wide as their widest cell, two spaces apart, no spaces at line ends.
class Table {
 public:
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  /// As many cells as columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::ostream& out) const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// One cell of a column: padded to `width` on the side that `align` says.
[[nodiscard]] std::string pad(std::string_view text, std::size_t width, Align align);

}  // namespace qchain::cli
