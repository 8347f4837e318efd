#include "tests/oracle/guest_writes.h"

#include <algorithm>

#include "qcow/core/range.h"
#include "tests/support/files.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector_bytes = 512;

/// Near `place`, on either side, at a distance that is a few units of any granularity.
std::uint64_t jitter(std::uint64_t place, const WriteTarget& target, Random& random) {
  const std::uint64_t unit = random.pick<std::uint64_t>({0, 1, 512, 4096, target.cluster / 32 + 1, target.cluster});
  const std::uint64_t distance = unit * random.below(4);
  const std::uint64_t moved = random.chance(50) ? place + distance : place - std::min(place, distance);
  return std::min(moved, target.size - 1);
}

std::uint64_t random_start(const WriteTarget& target, Random& random) {
  const std::uint64_t anywhere = random.below(target.size);
  if (random.chance(25) && !target.borders.empty()) {
    return jitter(random.pick(target.borders), target, random);
  }
  if (random.chance(40)) {
    return align_down(anywhere, target.cluster);
  }
  if (random.chance(40)) {
    return jitter(align_down(anywhere, target.cluster), target, random);
  }
  return random.chance(60) ? align_down(anywhere, sector_bytes) : anywhere;
}

std::uint64_t random_length(std::uint64_t start, const WriteTarget& target, Random& random) {
  const std::vector<std::uint64_t> scales{16, 512, 4096, target.cluster, 4 * target.cluster, target.size / 4 + 1};
  const std::uint64_t scale = random.pick(scales);
  std::uint64_t length = 1 + random.below(scale);
  if (random.chance(60)) {
    length = align_up(length, random.chance(50) ? sector_bytes : target.cluster);
  }
  return std::min(length, target.size - start);
}

std::string source(const WriteTarget& target, Random& random) {
  if (random.chance(20)) {
    return "-P " + std::to_string(random.between(1, 255));
  }
  return "-s " + target.pattern + (random.chance(50) ? ".wide" : ".narrow");
}

std::string at(Range range) {
  return " " + std::to_string(range.start) + " " + std::to_string(range.length);
}

/// Whole clusters, or up to the end of the disk: QEMU takes no other compressed writes.
std::string compressed_write(const WriteTarget& target, Random& random) {
  const std::uint64_t start = align_down(random.below(target.size), target.cluster);
  const std::uint64_t length = std::min(target.cluster * random.between(1, 5), target.size - start);
  return "write -c -s " + target.pattern + ".narrow" + at({start, length});
}

std::string random_write(const WriteTarget& target, Random& random) {
  if (target.compressible && random.chance(20)) {
    return compressed_write(target, random);
  }
  const std::uint64_t start = random_start(target, random);
  const Range range{start, random_length(start, target, random)};
  const std::uint64_t dice = random.below(100);
  if (dice < 55) {
    return "write " + source(target, random) + at(range);
  }
  if (dice < 70) {
    return "write -z" + at(range);
  }
  if (dice < 85) {
    return "write -z -u" + at(range);
  }
  return "discard" + at(range);
}

}  // namespace

void make_patterns(const std::string& prefix, Random& random) {
  ByteVector wide(4093);  // lengths prime to every cluster size, so that no two clusters look alike
  ByteVector narrow(61);
  for (std::byte& byte : wide) {
    byte = static_cast<std::byte>(random.below(256));
  }
  for (std::byte& byte : narrow) {
    byte = static_cast<std::byte>(random.between(1, 255));
  }
  write_file(prefix + ".wide", wide);
  write_file(prefix + ".narrow", narrow);
}

std::vector<std::string> random_writes(const WriteTarget& target, std::size_t count, Random& random) {
  std::vector<std::string> commands;
  while (target.size > 0 && commands.size() < count) {
    commands.push_back(random_write(target, random));
  }
  return commands;
}

}  // namespace qchain::test
