// All that opening a chain opens goes through its gate: with one that has files in memory only, nothing is missed.
#include <gtest/gtest.h>

#include <map>

#include "qcow/chain/view.h"
#include "tests/support/files.h"
#include "tests/support/memory_file.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

/// Gives files of its own, and writes down what it was asked for.
class RecordingGate final : public Gate {
 public:
  void put(const std::string& name, ByteVector bytes) { files_[name] = std::make_shared<MemoryFile>(bytes, name); }
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override {
    asked_.push_back(request);
    const auto found = files_.find(request.path);
    return found == files_.end() ? fail(ErrorKind::not_found, "no such file") : Result<SharedStorage>(found->second);
  }
  [[nodiscard]] const std::vector<OpenRequest>& asked() const noexcept { return asked_; }

 private:
  std::map<std::string, std::shared_ptr<MemoryFile>> files_;
  std::vector<OpenRequest> asked_;
};

/// base.raw <- a.qcow2 <- b.qcow2; on no disk by these names.
class RecordingGateTest : public testing::Test {
 protected:
  RecordingGateTest() {
    const TempDir folder;
    make_hole_file(folder / "base.raw", 1 << 20);
    create_overlay(folder / "a.qcow2", "base.raw", "raw");
    create_overlay(folder / "b.qcow2", "a.qcow2", "qcow2");
    qemu_io(folder / "b.qcow2", {"write -P 7 64k 64k"});
    for (const char* file : {"base.raw", "a.qcow2", "b.qcow2"}) {
      gate_.put(std::string("/nowhere/") + file, read_file(folder / file));
    }
  }

  RecordingGate gate_;
};

TEST_F(RecordingGateTest, EveryOpeningSaysWhoNamesTheFile) {
  const auto chain = Chain::open("/nowhere/b.qcow2", gate_);
  ASSERT_TRUE(chain) << describe(chain.error());
  ASSERT_EQ(gate_.asked().size(), 3U);
  EXPECT_EQ(gate_.asked()[0].role, OpenRole::named_by_user);
  EXPECT_EQ(gate_.asked()[1].path, "/nowhere/a.qcow2");
  EXPECT_EQ(gate_.asked()[1].role, OpenRole::backing_file);
  EXPECT_EQ(gate_.asked()[1].named_by, "/nowhere/b.qcow2");
  EXPECT_EQ(gate_.asked()[2].path, "/nowhere/base.raw");
  EXPECT_EQ(gate_.asked()[2].named_by, "/nowhere/a.qcow2");
}

TEST_F(RecordingGateTest, ReadingOpensNothingMore) {
  const View view(Slice::of(Chain::open("/nowhere/b.qcow2", gate_).value(), "", "").value(), ViewCaches{});
  const std::size_t opened = gate_.asked().size();
  ByteVector bytes(view.size());
  ASSERT_TRUE(view.read(0, bytes));
  EXPECT_EQ(bytes[65536], std::byte{7});
  EXPECT_EQ(gate_.asked().size(), opened);
}

TEST_F(RecordingGateTest, BackingFileLeftOutIsNotEvenAskedFor) {
  const auto chain = Chain::open("/nowhere/b.qcow2", gate_, {.format = {}, .below = Below::left_out});
  ASSERT_TRUE(chain);
  EXPECT_EQ(gate_.asked().size(), 1U);
  EXPECT_TRUE(chain->is_cut_off());
}

}  // namespace
}  // namespace qchain::test
