#include "tests/oracle/content_check.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "tests/oracle/mismatch.h"
#include "tests/support/bytes_of.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

std::vector<Range> random_pieces(std::uint64_t size, Random& random) {
  const std::uint64_t largest = random.pick<std::uint64_t>({4096, 65536, 1 << 20, 16 << 20});
  const std::uint64_t least = size / 256;  // bounds the number of pieces
  std::vector<Range> pieces;
  for (std::uint64_t start = 0; start < size;) {
    const std::uint64_t length = std::min(size - start, least + 1 + random.below(largest));
    pieces.push_back({start, length});
    start += length;
  }
  random.shuffle(pieces);
  return pieces;
}

/// Each `step`-th piece from `first` on.
std::optional<std::string> read_share(const View& view, const std::vector<Range>& pieces, std::size_t first,
                                      std::size_t step, MutableBytes into) {
  for (std::size_t i = first; i < pieces.size(); i += step) {
    const Range piece = pieces[i];
    const Result<void> done = view.read(piece.start, into.subspan(piece.start, piece.length));
    if (!done) {
      return "read of " + std::to_string(piece.length) + " bytes at " + std::to_string(piece.start) + ": " +
             describe(done.error());
    }
  }
  return std::nullopt;
}

void read_pieces(const View& view, const std::vector<Range>& pieces, std::size_t threads, MutableBytes into) {
  std::vector<std::optional<std::string>> failures(threads);
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < threads; ++i) {
      workers.emplace_back([&, i] { failures[i] = read_share(view, pieces, i, threads, into); });
    }
    failures[0] = read_share(view, pieces, 0, threads, into);
  }
  for (const auto& failure : failures) {
    if (failure) {
      disagree(*failure);
    }
  }
}

}  // namespace

void check_content(const View& view, Bytes expected, Random& random) {
  if (view.size() != expected.size()) {
    disagree("size " + std::to_string(view.size()) + ", QEMU says " + std::to_string(expected.size()));
  }
  ByteVector got(expected.size(), std::byte{0xdb});
  read_pieces(view, random_pieces(view.size(), random), random.chance(25) ? 3 : 1, got);
  const auto offset = first_difference(expected, got);
  if (!offset) {
    return;
  }
  disagree("first difference at " + std::to_string(*offset) + ": " +
           std::to_string(static_cast<unsigned>(got[*offset])) + ", QEMU reads " +
           std::to_string(static_cast<unsigned>(expected[*offset])) + "; extent " + to_string(view.extent_at(*offset)));
}

}  // namespace qchain::test
