#include "tests/mount/chains.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mib = 1 << 20;

std::string random_write(Random& random, std::uint64_t size, const std::vector<std::string>& kinds) {
  const std::string& kind = random.pick(kinds);
  const std::uint64_t start = random.below(size / 512) * 512;
  const std::uint64_t length = std::min(512 * random.between(1, 400), size - start);
  const std::string pattern = kind == "write" ? " -P " + std::to_string(random.between(1, 255)) : "";
  return kind + pattern + " " + std::to_string(start) + " " + std::to_string(length);
}

// QEMU packs a cluster only where nothing was written before.
void write_packed(const std::string& image, Random& random, std::uint64_t size) {
  std::vector<std::string> commands;
  for (std::uint64_t start = 0; start + 65536 <= size; start += 65536) {
    if (random.chance(40)) {
      commands.push_back("write -c -P " + std::to_string(random.between(1, 255)) + " " + std::to_string(start) +
                         " 64k");
    }
  }
  qemu_io(image, commands);
}

void write_randomly(const std::string& image, Random& random, std::uint64_t size, const std::vector<std::string>& kinds,
                    const std::string& format = "qcow2") {
  std::vector<std::string> commands;
  for (int i = 0; i < 40; ++i) {
    commands.push_back(random_write(random, size, kinds));
  }
  qemu_io(image, commands, format);
}

std::string numbered(std::size_t number) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "l%05zu.qcow2", number);
  return name.data();
}

}  // namespace

ChainFiles make_mixed_chain(const TempDir& dir, Random& random) {
  const ChainFiles chain{{dir / "base.raw", dir / "small.qcow2", dir / "packed.qcow2", dir / "top.qcow2"}};
  make_hole_file(chain.layers[0], 8 * mib + 1000);
  write_randomly(chain.layers[0], random, 8 * mib, {"write"}, "raw");
  create_qcow2(chain.layers[1], {"cluster_size=4k", "base.raw", "raw", 10 * mib});
  write_randomly(chain.layers[1], random, 10 * mib, {"write", "write -z", "write -z -u", "discard"});
  create_qcow2(chain.layers[2], {"cluster_size=64k", "small.qcow2", "qcow2", 7 * mib});
  write_packed(chain.layers[2], random, 7 * mib);
  write_randomly(chain.layers[2], random, 7 * mib, {"write", "write -z"});
  create_qcow2(chain.layers[3], {"extended_l2=on,cluster_size=128k", "packed.qcow2", "qcow2", 12 * mib + 512});
  write_randomly(chain.layers[3], random, 12 * mib + 512, {"write", "write -z", "discard"});
  return chain;
}

ChainFiles make_plain_chain(const TempDir& dir, std::uint64_t size) {
  const ChainFiles chain{{dir / "base.raw", dir / "top.qcow2"}};
  write_file(chain.layers[0], telling_bytes(size, 1));
  create_overlay(chain.layers[1], "base.raw", "raw");
  return chain;
}

// qemu-img would take seconds for a thousand; all overlays are one, but for the name in their header.
ChainFiles make_deep_chain(const TempDir& dir, std::size_t depth) {
  ChainFiles chain{{dir / numbered(0)}};
  qemu_img({"create", "-q", "-f", "qcow2", chain.layers[0], "64M"});
  qemu_io(chain.layers[0], {"write -P 42 0 64k"});
  const std::string name = numbered(0);
  qemu_img({"create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", "qcow2", dir / "template", "64M"});
  ByteVector bytes = read_file(dir / "template");
  const ByteVector wanted = bytes_of(name);
  const auto place = std::ranges::search(bytes, wanted).begin();
  if (place == bytes.end()) throw std::runtime_error("the header does not hold the backing file's name");
  for (std::size_t i = 1; i < depth; ++i) {
    std::ranges::copy(bytes_of(numbered(i - 1)), place);
    chain.layers.push_back(dir / numbered(i));
    write_file(chain.layers.back(), bytes);
  }
  return chain;
}

std::vector<DataRun> qemu_data_runs(const std::string& image) {
  std::vector<DataRun> runs;
  for (const MapEntry& entry : qemu_map(image)) {
    if (!entry.data || entry.zero) {
      continue;
    }
    if (!runs.empty() && runs.back().end == entry.start) {
      runs.back().end += entry.length;
    } else {
      runs.push_back({entry.start, entry.start + entry.length});
    }
  }
  return runs;
}

}  // namespace qchain::test
