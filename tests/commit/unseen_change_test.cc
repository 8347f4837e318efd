// A commit that was stopped, and goes on when a guest has written to its layers where their files don't show it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "qcow/commit/verify_commit.h"
#include "qcow/storage/read_back_gate.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

class UnseenChange : public testing::Test {
 protected:
  UnseenChange() {
    make_hole_file(base, 4 << 20);
    create_overlay(top, "base.raw", "raw", "data_file=" + data);
    qemu_io(top, {"write -P 1 1M 2M"});
  }

  /// As if a commit had been cut off when it had moved all but its last note.
  void stop_at_the_end() const {
    ASSERT_TRUE(run_commit(request_for(top)));
    CommitRecord record = record_of(base);
    record.state = CommitState::copying;
    record.moved_to = record.view_size;
    ASSERT_TRUE(FileRecordStore(base).save(record));
  }

  /// In place: not a byte of the image itself changes.
  void write_as_a_guest() const {
    struct stat before{};
    ASSERT_EQ(::stat(top.c_str(), &before), 0);
    qemu_io(top, {"write -P 2 2M 64k"});
    const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, top.c_str(), times.data(), 0), 0);
  }

  /// The whole base, from the disk, against what was read before the first write.
  bool base_is_right() const {
    FileRecordStore records(base);
    ReadBackGate gate;
    return verify_whole(records, gate, {}).value().good();
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string top = dir / "top.qcow2";
  std::string data = dir / "top.data";
};

TEST_F(UnseenChange, ToADataFileIsMerged) {
  stop_at_the_end();
  write_as_a_guest();
  const auto report = run_commit(request_for(top));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(qemu_bytes(top), read_file(base)));
}

/// Layers that don't tell whether they changed don't take back what was found out about the base either.
TEST_F(UnseenChange, ABaseThatWasFoundWantingStaysSo) {
  CommitRequest request = request_for(top);
  request.whole_digest = DigestKind::quick;
  ASSERT_TRUE(run_commit(request));
  ASSERT_TRUE(base_is_right());
  const auto left_at = std::filesystem::last_write_time(base);
  flip_bit(base, 10);
  std::filesystem::last_write_time(base, left_at);  // as if the disk had done it
  EXPECT_FALSE(base_is_right());
  ASSERT_TRUE(run_commit(request));
  EXPECT_FALSE(base_is_right()) << "the digest of the first time counts";
}

}  // namespace
}  // namespace qchain::test
