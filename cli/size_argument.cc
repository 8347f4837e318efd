#include "cli/size_argument.h"

#include <bit>
#include <charconv>

#include "qcow/format/limits.h"

namespace qchain::cli {
namespace {

/// Bits by which the suffix shifts a number.
std::optional<std::uint32_t> shift_of(std::string_view suffix) {
  constexpr std::string_view letters = "bkmgtpe";
  if (suffix.empty()) {
    return 0;
  }
  const char lower = suffix[0] >= 'A' && suffix[0] <= 'Z' ? static_cast<char>(suffix[0] - 'A' + 'a') : suffix[0];
  const std::size_t place = letters.find(lower);
  if (suffix.size() > 1 || place == std::string_view::npos) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(10 * place);
}

/// Digits behind a point, with it; taken from the front of `text`. 0 where there is no point.
std::optional<double> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) {
    return 0;
  }
  double fraction = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fraction, std::chars_format::fixed);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return fraction;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  std::uint64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const bool has_fraction = text.starts_with('.');
  const auto fraction = take_fraction(text);
  const auto shift = shift_of(text);
  if (!fraction || !shift || (has_fraction && *shift == 0) || whole > (std::uint64_t{INT64_MAX} >> *shift)) {
    return std::nullopt;
  }
  const auto unit = static_cast<double>(std::uint64_t{1} << *shift);
  return (whole << *shift) + static_cast<std::uint64_t>(*fraction * unit);
}

std::optional<std::uint32_t> parse_cluster_bits(std::string_view text) noexcept {
  const auto size = parse_size(text);
  if (!size || !std::has_single_bit(*size)) {
    return std::nullopt;
  }
  const auto bits = static_cast<std::uint32_t>(std::countr_zero(*size));
  return bits >= format::min_cluster_bits && bits <= format::max_cluster_bits ? std::optional(bits) : std::nullopt;
}

}  // namespace qchain::cli
