// Deep chains: a thousand layers are as quick as one, and there is a stated limit.
#include <chrono>
#include <filesystem>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

constexpr std::size_t depth = 1000;
constexpr std::uint64_t disk_size = 8 * MiB;
constexpr std::uint64_t piece = 4 * KiB;

std::string layer_name(std::size_t position) {
  std::string number = std::to_string(position);
  return std::string(5 - number.size(), '0') + number;  // names of one length: a copy needs one poke
}

/// Chains of copies of one small overlay that holds a single piece of its own.
class DepthCase : public CornerCase {
 protected:
  /// Layers 0 .. count - 1, each with `piece` bytes of its own number at its own place.
  std::string make_chain(std::size_t count) const {
    raw(layer_name(0), disk_size);
    const std::string first = overlay(layer_name(1), layer_name(0), "raw", "cluster_size=4k");
    qemu_io(first, {"write -P 1 0 4k"});
    const std::uint64_t entry_place = l2_entry_place(first, 0);
    const ByteVector original = read_file(first);
    const ByteVector entry = read_file(first, entry_place, 8);
    const std::uint64_t data = load_be<std::uint64_t>(entry, 0) & 0x00fffffffffffe00;
    const auto name_place = peek_be<std::uint64_t>(first, field::backing_offset);
    for (std::size_t i = 2; i < count; ++i) {
      ByteVector copy = original;
      const auto put = [&](std::uint64_t place, Bytes bytes) {
        std::ranges::copy(bytes, copy.begin() + static_cast<std::ptrdiff_t>(place));
      };
      put(name_place, bytes_of(layer_name(i - 1)));
      put(entry_place, ByteVector(8));
      put(entry_place + i % 500 * 8, entry);
      put(data, ByteVector(piece, static_cast<std::byte>(i)));
      write_file(path(layer_name(i)), copy);
    }
    retype_second_layer(count);
    return path(layer_name(count - 1));
  }

  [[nodiscard]] static ByteVector expected(std::size_t count) {
    ByteVector disk = telling_bytes(disk_size, 0);
    for (std::size_t i = 1; i < count; ++i) {
      const std::size_t place = i == 1 ? 0 : i % 500;
      std::fill_n(disk.begin() + static_cast<std::ptrdiff_t>(place * piece), piece, static_cast<std::byte>(i));
    }
    return disk;
  }

 private:
  /// The template's backing file is raw; all above it are qcow2, whose name is longer: record it in each.
  void retype_second_layer(std::size_t count) const {
    for (std::size_t i = 2; i < count; ++i) {
      const std::uint64_t place = extension_place(path(layer_name(i)), backing_format_extension).place;
      poke_be<std::uint32_t>(path(layer_name(i)), place - 4, 5);  // the padding has room for two letters more
      poke(path(layer_name(i)), place, bytes_of("qcow2"));
    }
  }
};

TEST_F(DepthCase, ThousandLayersOpenAndReadRightAndQuickly) {
  const std::string image = make_chain(depth);
  const auto before = std::chrono::steady_clock::now();
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  ASSERT_EQ((*view)->slice().chain.depth(), depth);
  const Result<ByteVector> got = read_all(**view);
  const auto taken = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_TRUE(same_bytes(expected(depth), *got));
  EXPECT_LT(taken, std::chrono::seconds(30));  // takes under one; a busy machine and a sanitizer need room
}

TEST_F(DepthCase, FortyLayersAsQemuReadsThem) {
  const std::string image = make_chain(40);
  EXPECT_TRUE(same_bytes(expected(40), qemu_bytes(image, "qcow2")));
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(DepthCase, DefaultLimitIsAtLeast4096Layers) {
  EXPECT_GE(ChainOptions{}.max_depth, 4096U);
}

TEST_F(DepthCase, DeeperThanTheLimitIsRefused) {
  const std::string image = make_chain(20);
  EXPECT_TRUE(open_chain(image, {.format = {}, .max_depth = 20}));
  EXPECT_TRUE(is_refused(image, ErrorKind::limit, "19", {.format = {}, .max_depth = 19}));
}

}  // namespace
}  // namespace qchain::test
