#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <system_error>

#include "tests/support/child.h"
#include "tests/support/dirty_sectors.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

/// base.qcow2 <- a.qcow2 <- b.qcow2; a is to be merged into the base, which has a recording bitmap; a has another one.
class KilledWithBitmaps : public testing::Test {
 protected:
  KilledWithBitmaps() {
    create_qcow2(base, {.options = "cluster_size=4k", .backing = {}, .backing_format = {}, .size = 1 << 20});
    qemu_io(base, {"write -P 1 0 128k"});
    qemu_img({"bitmap", "--add", "-g", "4k", base, "daily"});
    create_overlay(a, "base.qcow2", "qcow2", "cluster_size=4k");
    qemu_img({"bitmap", "--add", "-g", "8k", a, "merged"});
    qemu_io(a, {"write -P 2 64k 8k", "write -P 3 512k 4k", "write -z 8k 4k"});
    create_overlay(b, "a.qcow2", "qcow2");
    for (const std::string& path : {base, a, b}) {
      before[path] = read_file(path);
    }
    view = qemu_bytes(b);
    for (const Range range : {Range{64 << 10, 8 << 10}, Range{512 << 10, 4 << 10}, Range{8 << 10, 4 << 10}}) {
      set_dirty(daily, range, 4096);
      set_dirty(merged, range, 8192);
    }
  }
  void restore() const {
    for (const auto& [path, bytes] : before) {
      write_file(path, bytes);
    }
    std::filesystem::remove(base + ".qchain.json");
    std::filesystem::remove(base + ".qchain.json.new");
  }

  /// In use, or all is there that has changed.
  void expect_no_wrong_bitmap() const {
    if (qemu_img({"info", base}).find("in-use") != std::string::npos) {
      return;
    }
    const ByteVector now = qemu_bytes(base, "qcow2");
    DirtySectors changed(now.size() / 512);
    for (std::size_t i = 0; i < now.size(); ++i) {
      const std::byte old = i < (128 << 10) ? std::byte{1} : std::byte{0};
      changed[i / 512] = changed[i / 512] || now[i] != old;
    }
    EXPECT_TRUE(is_within(changed, dirty_sectors(base, "daily")));
  }
  void expect_done() const {
    EXPECT_TRUE(run({"qemu-img", "check", "-q", base}).status != 2);
    EXPECT_EQ(qemu_dirty_sectors(base, "daily"), daily);
    EXPECT_EQ(qemu_dirty_sectors(base, "merged"), merged);
    EXPECT_EQ(qemu_img({"info", base}).find("in-use"), std::string::npos);
    EXPECT_EQ(qemu_bytes(b), view);
  }

  TempDir dir;
  std::string base = dir / "base.qcow2";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
  std::map<std::string, ByteVector> before;
  ByteVector view;
  DirtySectors daily = DirtySectors((1 << 20) / 512);
  DirtySectors merged = DirtySectors((1 << 20) / 512);
};

TEST_F(KilledWithBitmaps, AtAnyChangeOfAFileNoneIsWrongAndTheSameCommandCompletes) {
  const Arguments command{QCHAIN_BINARY, "commit", "--bitmaps=merge", "--base", base, "--top", a, b};
  std::uint64_t number = 0;
  for (;; ++number) {
    restore();
    std::string change;
    try {
      change = kill_at_change(command, number);
    } catch (const std::system_error& error) {
      GTEST_SKIP() << error.what();
    }
    SCOPED_TRACE("killed before " + change + ", number " + std::to_string(number));
    if (change.empty()) {
      break;
    }
    expect_no_wrong_bitmap();
    EXPECT_EQ(qemu_bytes(b), view);
    const ProcessResult again = run(command);
    ASSERT_EQ(again.status, 0) << again.err;
    expect_done();
    ASSERT_FALSE(HasFailure());
  }
  expect_done();
  std::cout << "killed before each of " << number << " changes\n";
  EXPECT_GT(number, 20U);
}

}  // namespace
}  // namespace qchain::test
