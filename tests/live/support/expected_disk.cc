#include "tests/live/support/expected_disk.h"

#include <algorithm>
#include <map>

#include "tests/support/files.h"

namespace qchain::test {

using guest::Generation;

void ExpectedDisk::advance_to(Generation done) {
  for (; done_ < done; ++done_) {
    const guest::Operation operation = workload_.operation(done_ + 1);
    if (operation.changes()) {
      std::fill_n(table_.begin() + static_cast<std::ptrdiff_t>(operation.first), operation.count,
                  operation.leaves(done_ + 1));
    }
  }
}

ExpectedDisk::Difference ExpectedDisk::compare(const std::string& raw, Generation latest) const {
  std::multimap<std::uint64_t, Generation> maybe;
  for (Generation number = done_ + 1; number <= latest; ++number) {
    const guest::Operation operation = workload_.operation(number);
    for (std::uint64_t i = 0; operation.changes() && i < operation.count; ++i) {
      maybe.emplace(operation.first + i, operation.leaves(number));
    }
  }
  Difference difference;
  const ByteVector bytes = read_file(raw);
  for (std::uint64_t block = 0; block < table_.size(); ++block) {
    const bool there = (block + 1) * guest::block_size <= bytes.size();
    const auto at = guest::ConstBlock(bytes.data() + (there ? block * guest::block_size : 0), guest::block_size);
    const auto [from, to] = maybe.equal_range(block);
    const bool right = there && (guest::holds(at, block, table_[block]) || std::any_of(from, to, [&](const auto& late) {
                                   return guest::holds(at, block, late.second);
                                 }));
    if (!right && difference.blocks++ == 0) {
      difference.first = "block " + std::to_string(block) + " must be of operation " + std::to_string(table_[block]) +
                         ", says " + (there ? std::to_string(guest::claimed_generation(at)) : "nothing");
    }
  }
  return difference;
}

}  // namespace qchain::test
