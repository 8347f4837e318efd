#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "tests/commit/crash/real_chain.h"
#include "tests/support/child.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

/// A small ext4 on a loop device.
class SmallDisk {
 public:
  explicit SmallDisk(std::uint64_t size) {
    make_hole_file(dir_ / "disk", size);
    std::filesystem::create_directory(path());
    must_run({"mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-O", "^has_journal", dir_ / "disk"});
    mounted_ = run({"mount", "-o", "loop", dir_ / "disk", path()});
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (ok()) {
      static_cast<void>(run({"umount", path()}));
    }
  }

  [[nodiscard]] bool ok() const { return mounted_.ok(); }
  [[nodiscard]] const std::string& reason() const { return mounted_.err; }
  [[nodiscard]] std::string path() const { return dir_ / "mnt"; }
  [[nodiscard]] std::string filler() const { return path() + "/filler"; }

  /// Takes all space but `left` bytes.
  void fill(std::uint64_t left) const {
    const UniqueFd file(::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    constexpr off_t block = 4096;
    const auto free_blocks = static_cast<off_t>((std::filesystem::space(path()).available - left) / block);
    for (off_t step = std::max<off_t>(free_blocks / 2, 1), size = 0; step > 0;) {
      const bool too_much = std::filesystem::space(path()).available < left + static_cast<std::uint64_t>(step * block);
      if (too_much || ::posix_fallocate(file.get(), size * block, step * block) != 0) {
        step /= 2;
      } else {
        size += step;
      }
    }
  }

 private:
  TempDir dir_;
  ProcessResult mounted_;
};

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "only root can mount a small disk";
    }
    disk_.emplace(std::uint64_t{32} << 20);
    if (!disk_->ok()) {
      GTEST_SKIP() << "no loop mount here: " << disk_->reason();
    }
  }

  std::optional<SmallDisk> disk_;
};

TEST_F(FullDisk, IsForecastBeforeTheFirstWrite) {
  const RealChain chain(4 << 20, disk_->path());
  disk_->fill(1 << 20);
  const ProcessResult refused = run(chain.commit_command());
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("are free"));
  EXPECT_TRUE(chain.is_untouched());
}

TEST_F(FullDisk, ThatFillsUpMeanwhileIsReportedAndTheSameCommandCompletes) {
  const RealChain chain(8 << 20, disk_->path());
  Child child(chain.commit_command({"--bandwidth", "1", "--progress=json"}));
  EXPECT_THAT(child.read_error_line(), HasSubstr("Block Commit")) << "it is under way";
  disk_->fill(0);
  EXPECT_THAT(child.read_errors(), HasSubstr("No space left on device"));
  EXPECT_EQ(child.wait(), 2);
  EXPECT_TRUE(chain.view_is_the_same());
  std::filesystem::remove(disk_->filler());
  const ProcessResult again = run(chain.commit_command());
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(chain.is_merged());
  EXPECT_TRUE(chain.view_is_the_same());
}

TEST_F(FullDisk, WithoutRoomForTheRecordLeavesAllUntouched) {
  const RealChain chain(64 << 10, disk_->path());
  poke(chain.base(), 0, read_file(chain.base()));  // no holes: nothing new is needed in it
  must_run({"sync", "-f", chain.base()});
  disk_->fill(0);
  const ProcessResult refused = run(chain.commit_command());
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("No space left on device"));
  EXPECT_TRUE(chain.is_untouched());
  std::filesystem::remove(disk_->filler());
  EXPECT_EQ(run(chain.commit_command()).status, 0);
  EXPECT_TRUE(chain.is_merged());
}

TEST(ReadOnlyFolder, OfTheRecordLeavesAllUntouched) {
  const TempDir folder;
  std::filesystem::create_directory(folder / "base");
  const RealChain chain(64 << 10, folder / "base");
  Arguments command = chain.commit_command();
  if (::geteuid() == 0) {  // for whom no folder is read-only
    must_run({"chown", "-R", "65534:65534", folder.path(), chain / "."});
    std::filesystem::copy_file(command[0], folder / "qchain");
    command[0] = folder / "qchain";
    command.insert(command.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  std::filesystem::permissions(folder / "base", std::filesystem::perms(0555));
  const ProcessResult refused = run(command);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("base.raw.qchain.json"));
  EXPECT_THAT(refused.err, HasSubstr("Permission denied"));
  EXPECT_TRUE(chain.is_untouched());
  std::filesystem::permissions(folder / "base", std::filesystem::perms(0755));
  EXPECT_EQ(run(command).status, 0);
  EXPECT_TRUE(chain.is_merged());
}

}  // namespace
}  // namespace qchain::test
