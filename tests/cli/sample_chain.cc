#include "tests/cli/sample_chain.h"

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {

TempDir* SampleChain::shared_folder = nullptr;

std::string SampleChain::path(std::string_view name) {
  return *shared_folder / name;
}

void SampleChain::SetUpTestSuite() {
  shared_folder = new TempDir;
  make_hole_file(path("base.raw"), 8 << 20);
  qemu_io(path("base.raw"), {"write -P 0x11 0 64k"}, "raw");
  create_qcow2(path("a.qcow2"), {.options = {}, .backing = "base.raw", .backing_format = "raw", .size = 6 << 20});
  qemu_io(path("a.qcow2"), {"write -P 0x22 128k 64k", "write -z 256k 64k"});
  create_qcow2(path("b.qcow2"),
               {.options = "compression_type=zstd", .backing = "a.qcow2", .backing_format = "qcow2", .size = 10 << 20});
  qemu_io(path("b.qcow2"), {"write -c -P 0x33 1M 64k"});
  qemu_img({"bitmap", "--add", "-g", "131072", path("b.qcow2"), "bm"});
  qemu_img({"snapshot", "-c", "snap", path("b.qcow2")});
  create_overlay(path("c.qcow2"), "b.qcow2", "qcow2");
  qemu_io(path("c.qcow2"), {"write -P 0x44 9M 64k"});
}

void SampleChain::TearDownTestSuite() {
  delete shared_folder;
  shared_folder = nullptr;
}

void SampleChain::SetUp() {
  before_ = std::filesystem::current_path();
  std::filesystem::current_path(shared_folder->path());
}

void SampleChain::TearDown() {
  std::filesystem::current_path(before_);
}

void make_dust(const std::string& path) {
  constexpr std::size_t grain = 4096;
  constexpr std::uint64_t count = 4000;
  make_hole_file(path, count * 2 * grain);
  for (std::uint64_t i = 0; i < count; ++i) {
    poke(path, i * 2 * grain, ByteVector(grain, std::byte{1}));
  }
}

}  // namespace qchain::test
