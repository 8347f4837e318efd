#include "qcow/storage/image_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "qcow/storage/gate.h"
#include "qcow/storage/lock_holder.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain {
namespace {

using test::QemuIoSession;
using ::testing::HasSubstr;

class ImageLockTest : public ::testing::Test {
 protected:
  ImageLockTest() { test::create_qcow2(image_, {.options = {}, .backing = {}, .backing_format = {}, .size = 1 << 20}); }

  Result<SharedStorage> open(Locking locking = Locking::shared_read) {
    FileGate gate(locking);
    return gate.open({.path = image_, .named_by = {}});
  }
  FileIdentity identity() { return open(Locking::none).value()->identity(); }

  test::ProcessResult write() { return test::run(test::qemu_io_command(image_, "qcow2", {"write 0 512"})); }
  test::ProcessResult info() { return test::run({"qemu-img", "info", image_}); }

  test::TempDir folder_;
  std::string image_ = folder_ / "image.qcow2";
};

TEST_F(ImageLockTest, WriterBlocksUsAndIsNamed) {
  const QemuIoSession writer({"-f", "qcow2", image_});
  const auto storage = open();
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::locked);
  EXPECT_EQ(describe(storage.error()),
            image_ + ": open for writing by qemu-io (pid " + std::to_string(writer.pid()) +
                "); shut the guest down, or read with -U (what is read may change meanwhile)");
}

TEST_F(ImageLockTest, WriterDoesNotBlockAReaderWithoutLocks) {
  const QemuIoSession writer({"-f", "qcow2", image_});
  EXPECT_TRUE(open(Locking::none));
}

TEST_F(ImageLockTest, ReaderDoesNotBlockUs) {
  const QemuIoSession reader({"-r", "-f", "qcow2", image_});
  const auto storage = open();
  EXPECT_TRUE(storage) << describe(storage.error());
}

TEST_F(ImageLockTest, BackingFileOfAWriterDoesNotBlockUs) {
  test::create_overlay(folder_ / "top.qcow2", image_, "qcow2");
  const QemuIoSession writer({"-f", "qcow2", folder_ / "top.qcow2"});
  EXPECT_TRUE(open());
}

TEST_F(ImageLockTest, TwoOfUsMayRead) {
  const auto first = open();
  const auto second = open();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
}

TEST_F(ImageLockTest, WeBlockAWriterUntilWeAreDone) {
  {
    const auto storage = open();
    ASSERT_TRUE(storage);
    const auto blocked = write();
    EXPECT_NE(blocked.status, 0);
    EXPECT_THAT(blocked.err, HasSubstr("lock"));
    EXPECT_EQ(info().status, 0) << "readers must not be blocked";
  }
  EXPECT_EQ(write().status, 0);
}

TEST_F(ImageLockTest, ConflictReleasesWhatWasTaken) {
  UniqueFd fd(::open(image_.c_str(), O_RDWR | O_CLOEXEC));
  {
    const QemuIoSession reader({"-r", "-f", "qcow2", image_});
    ASSERT_FALSE(ImageLock::acquire(fd.get(), {Permission::write}, {Permission::write}));
  }
  EXPECT_EQ(write().status, 0);
}

TEST_F(ImageLockTest, WritingNeedsThatNobodyReads) {
  UniqueFd fd(::open(image_.c_str(), O_RDWR | O_CLOEXEC));
  const QemuIoSession reader({"-r", "-f", "qcow2", image_});
  const auto lock = ImageLock::acquire(fd.get(), {Permission::consistent_read, Permission::write},
                                       {Permission::write, Permission::resize});
  ASSERT_FALSE(lock);
  EXPECT_THAT(describe(lock.error()), HasSubstr("in use by qemu-io (pid " + std::to_string(reader.pid())));
  EXPECT_EQ(lock.error().advice, "shut the guest down or end that process first");
}

TEST_F(ImageLockTest, WriteLockKeepsQemuOut) {
  UniqueFd fd(::open(image_.c_str(), O_RDWR | O_CLOEXEC));
  const auto lock = ImageLock::acquire(fd.get(), {Permission::consistent_read, Permission::write},
                                       {Permission::write, Permission::resize});
  ASSERT_TRUE(lock) << describe(lock.error());
  EXPECT_TRUE(lock->enforced());
  const auto blocked = info();
  EXPECT_NE(blocked.status, 0);
  EXPECT_THAT(blocked.err, HasSubstr("lock"));
}

TEST_F(ImageLockTest, HoldersTellWriterFromReader) {
  {
    const QemuIoSession writer({"-f", "qcow2", image_});
    const auto holders = lock_holders(identity());
    ASSERT_EQ(holders.size(), 1U);
    EXPECT_EQ(holders[0].pid, writer.pid());
    EXPECT_EQ(holders[0].command, "qemu-io");
    EXPECT_TRUE(holders[0].writes());
    EXPECT_EQ(holders[0].unshared, Permissions({Permission::write, Permission::resize}));
  }
  const QemuIoSession reader({"-r", "-f", "qcow2", image_});
  const auto holders = lock_holders(identity());
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_FALSE(holders[0].writes());
  EXPECT_EQ(holders[0].used, Permissions({Permission::consistent_read}));
}

TEST_F(ImageLockTest, WhoHoldsAnotherImageIsNoHolder) {
  const std::string other = folder_ / "other.qcow2";
  test::create_overlay(other, image_, "qcow2");
  const QemuIoSession writer({"-f", "qcow2", other});
  const auto holders = lock_holders(identity());
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_FALSE(holders[0].writes()) << "it writes to the overlay only";
}

TEST_F(ImageLockTest, WeAreNotAmongTheHolders) {
  const auto storage = open();
  ASSERT_TRUE(storage);
  EXPECT_TRUE(lock_holders((*storage)->identity()).empty());
}

TEST(LockLineTest, OtherBytesAndOtherLinesSayNothing) {
  LockHolder holder;
  EXPECT_FALSE(add_lock_line("pos:\t0", holder));
  EXPECT_FALSE(add_lock_line("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:7 104 199", holder));
  EXPECT_FALSE(add_lock_line("lock:\t1: FLOCK  ADVISORY  WRITE 12 fe:00:7 0 EOF", holder));
  EXPECT_FALSE(add_lock_line("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:7 99999999999999999999999 1", holder));
  EXPECT_TRUE(holder.used.empty() && holder.unshared.empty());
}

TEST(LockLineTest, MergedBytesAreAllSeen) {
  LockHolder holder;
  EXPECT_TRUE(add_lock_line("lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:7 100 101", holder));
  EXPECT_TRUE(add_lock_line("lock:\t2: POSIX  ADVISORY  READ 77 fe:00:7 201 EOF", holder));
  EXPECT_EQ(holder.used, Permissions({Permission::consistent_read, Permission::write}));
  EXPECT_EQ(holder.unshared, Permissions({Permission::write, Permission::write_unchanged, Permission::resize}));
}

}  // namespace
}  // namespace qchain
