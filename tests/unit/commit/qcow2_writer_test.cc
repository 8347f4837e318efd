#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base_case.h"
#include "tests/support/files.h"
#include "tests/support/qcow2_checker.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/recording_storage.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class Qcow2Writer : public testing::Test {
 protected:
  void create(const std::string& options, std::uint64_t size) {
    create_qcow2(image_, {.options = options, .backing = {}, .backing_format = {}, .size = size});
  }
  [[nodiscard]] Qcow2WriterSetup load() {
    file_ = std::make_shared<MemoryFile>(read_file(image_), "base.qcow2");
    log_.clear();
    return setup_of(std::make_shared<RecordingStorage>(file_, 0, log_), nullptr, nullptr);
  }
  [[nodiscard]] std::unique_ptr<BaseWriter> open() {
    auto writer = open_qcow2_writer(load());
    if (!writer) throw std::runtime_error(describe(writer.error()));
    return *std::move(writer);
  }
  /// Steps of a kind, of at least so many bytes.
  [[nodiscard]] std::size_t steps(LoggedStep::Kind kind, std::uint64_t least = 0) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        log_, [&](const LoggedStep& step) { return step.kind == kind && step.range.length >= least; }));
  }
  [[nodiscard]] std::uint64_t bytes_written() const {
    std::uint64_t sum = 0;
    for (const LoggedStep& step : log_) sum += step.bytes.size();
    return sum;
  }
  void expect_clean() {
    write_file(image_, file_->bytes());
    const ProcessResult check = run({"qemu-img", "check", image_});
    EXPECT_EQ(check.status, 0) << check.out << check.err;
  }
  void expect_refused(ErrorKind kind, std::string_view words) {
    const auto writer = open_qcow2_writer(load());
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().kind, kind);
    EXPECT_THAT(describe(writer.error()), HasSubstr(words));
    EXPECT_TRUE(log_.empty()) << "nothing may be written";
  }

  TempDir folder_;
  std::string image_ = folder_ / "base.qcow2";
  std::shared_ptr<MemoryFile> file_;
  WriteLog log_;
};

TEST_F(Qcow2Writer, writes_a_run_of_new_clusters_at_once) {
  create("", 8 << 20);
  const auto writer = open();
  ASSERT_TRUE(writer->write(1 << 20, telling_bytes(1 << 20, 3)));
  EXPECT_EQ(log_.size(), 1U);
  EXPECT_EQ(bytes_written(), std::uint64_t{1} << 20);
}

TEST_F(Qcow2Writer, writes_subclusters_alone) {
  create("extended_l2=on,cluster_size=128k", 8 << 20);
  const auto writer = open();
  ASSERT_TRUE(writer->write(1 << 20, telling_bytes(4096, 3)));
  EXPECT_EQ(bytes_written(), 4096U);
  ASSERT_TRUE(writer->flush());
  expect_clean();
}

TEST_F(Qcow2Writer, leaves_the_rest_of_a_new_cluster_a_hole) {
  create("cluster_size=2M", 64 << 20);
  const auto writer = open();
  ASSERT_TRUE(writer->write(5 << 20, telling_bytes(4096, 3)));
  EXPECT_EQ(bytes_written(), 4096U);
}

TEST_F(Qcow2Writer, commits_much_data_with_a_sync_for_each_64_mib) {
  create("", 256 << 20);
  const auto writer = open();
  for (std::uint64_t offset = 0; offset < 128 << 20; offset += 1 << 20) {
    ASSERT_TRUE(writer->write(offset, telling_bytes(1 << 20, 3)));
  }
  EXPECT_EQ(steps(LoggedStep::Kind::sync), 2U);
  ASSERT_TRUE(writer->flush());
  EXPECT_EQ(steps(LoggedStep::Kind::sync), 3U);
  expect_clean();
}

TEST_F(Qcow2Writer, overwrites_in_place_without_touching_metadata) {
  create("", 8 << 20);
  qemu_io(image_, {"write -P 7 0 4M"});
  const auto writer = open();
  ASSERT_TRUE(writer->write(70000, telling_bytes(1 << 20, 3)));
  ASSERT_TRUE(writer->flush());
  EXPECT_EQ(bytes_written(), std::uint64_t{1} << 20);
  EXPECT_EQ(steps(LoggedStep::Kind::sync), 1U);
  expect_clean();
}

TEST_F(Qcow2Writer, zero_gives_back_the_space_of_clusters) {
  create("", 8 << 20);
  qemu_io(image_, {"write -P 7 0 4M"});
  const auto writer = open();
  ASSERT_TRUE(writer->zero({0, 4 << 20}));
  ASSERT_TRUE(writer->flush());
  EXPECT_EQ(steps(LoggedStep::Kind::zero, 4 << 20), 1U);
  expect_clean();
}

TEST_F(Qcow2Writer, zero_of_what_reads_as_zeros_anyway_changes_nothing) {
  create("", 8 << 20);
  const auto writer = open();
  ASSERT_TRUE(writer->zero({4096, 4 << 20}));
  ASSERT_TRUE(writer->flush());
  EXPECT_TRUE(log_.empty());
}

TEST_F(Qcow2Writer, grows_the_refcount_table) {
  create("cluster_size=512,refcount_bits=64", 4 << 20);
  const auto writer = open();
  const ByteVector bytes = telling_bytes(4 << 20, 9);
  ASSERT_TRUE(writer->write(0, bytes));
  ASSERT_TRUE(writer->flush());
  expect_clean();
  EXPECT_GT(peek_be<std::uint32_t>(image_, field::refcount_clusters), 1U);
  EXPECT_TRUE(same_bytes(bytes, qemu_bytes(image_, "qcow2")));
}

/// A file system that shares no blocks.
class UnsharedFile final : public WritableStorage {
 public:
  explicit UnsharedFile(SharedWritable inner) : inner_(std::move(inner)) {}
  [[nodiscard]] const std::string& name() const noexcept override { return inner_->name(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return inner_->size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return inner_->identity(); }
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    return inner_->read(offset, into);
  }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return inner_->run_at(offset, end);
  }
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override { return inner_->write(offset, bytes); }
  [[nodiscard]] Result<void> zero(Range range) override { return inner_->zero(range); }
  [[nodiscard]] Result<CloneAnswer> clone(const Storage&, std::uint64_t, Range) override {
    return CloneAnswer::impossible;
  }
  [[nodiscard]] std::uint64_t clone_unit() const noexcept override { return 512; }
  [[nodiscard]] Result<void> resize(std::uint64_t length) override { return inner_->resize(length); }
  [[nodiscard]] Result<void> sync() override { return inner_->sync(); }

 private:
  SharedWritable inner_;
};

TEST_F(Qcow2Writer, takes_no_space_when_blocks_cannot_be_shared) {
  create("cluster_size=4k,refcount_bits=64", 8 << 20);
  file_ = std::make_shared<MemoryFile>(read_file(image_));
  const auto writer = open_qcow2_writer(setup_of(std::make_shared<UnsharedFile>(file_), nullptr, nullptr));
  ASSERT_TRUE(writer);
  for (int i = 0; i < 3; ++i) {
    const auto answer = (*writer)->clone(MemoryFile(telling_bytes(4 << 20, 1)), 0, {0, 4 << 20});
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, CloneAnswer::impossible);
  }
  ASSERT_TRUE((*writer)->write(0, telling_bytes(4096, 1)));
  ASSERT_TRUE((*writer)->flush());
  expect_clean();
  EXPECT_LT(file_size(image_), std::uint64_t{200} << 10);
}

TEST_F(Qcow2Writer, does_not_share_what_is_not_aligned) {
  create("", 8 << 20);
  const auto writer = open();
  const auto answer = writer->clone(MemoryFile(telling_bytes(8192, 1)), 100, {0, 4096});
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, CloneAnswer::impossible);
  EXPECT_TRUE(log_.empty());
}

TEST_F(Qcow2Writer, takes_free_clusters_of_a_device_that_cannot_grow) {
  create("cluster_size=4k", 1 << 20);
  // Half of the content is freed, so the device is not full, but its last cluster is in use.
  qemu_io(image_, {"write -P 1 0 1M", "discard 0 512k"});
  Qcow2WriterSetup setup = load();
  setup.file_limit = align_up(file_->size(), 4096);
  const auto writer = open_qcow2_writer(std::move(setup));
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->write(0, telling_bytes(500 << 10, 5)));
  ASSERT_TRUE((*writer)->flush());
  EXPECT_LE(file_->size(), std::uint64_t{1100} << 10);
  expect_clean();
}

TEST_F(Qcow2Writer, says_when_a_device_is_full) {
  create("cluster_size=4k", 1 << 20);
  qemu_io(image_, {"write -P 1 0 512k"});
  Qcow2WriterSetup setup = load();
  setup.file_limit = align_up(file_->size(), 4096);
  const auto writer = open_qcow2_writer(std::move(setup));
  ASSERT_TRUE(writer);
  const auto written = (*writer)->write(0, telling_bytes(1 << 20, 5));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::no_space);
  EXPECT_EQ(written.error().path, "base.qcow2");
}

TEST_F(Qcow2Writer, clears_unknown_autoclear_bits_durably_before_anything_else) {
  create("", 1 << 20);
  poke_be<std::uint64_t>(image_, field::autoclear, 0x80);
  const auto writer = open();
  EXPECT_TRUE(log_.empty());
  ASSERT_TRUE(writer->write(0, telling_bytes(512, 5)));
  ASSERT_GE(log_.size(), 3U);
  EXPECT_EQ(log_[0].range, (Range{0, 512}));
  EXPECT_EQ(log_[1].kind, LoggedStep::Kind::sync);
  EXPECT_EQ(load_be<std::uint64_t>(file_->bytes(), field::autoclear), 0U);
}

TEST_F(Qcow2Writer, keeps_bitmaps_that_record_nothing) {
  create("", 1 << 20);
  qemu_img({"bitmap", "--add", "--disable", image_, "b0"});
  const auto writer = open();
  ASSERT_TRUE(writer->write(0, telling_bytes(300000, 5)));
  ASSERT_TRUE(writer->flush());
  expect_clean();
  EXPECT_THAT(qemu_img({"info", image_}), HasSubstr("b0"));
}

TEST_F(Qcow2Writer, refuses_a_dirty_image_with_advice) {
  create("lazy_refcounts=on", 1 << 20);
  poke_be<std::uint64_t>(image_, field::incompatible, 1);
  expect_refused(ErrorKind::refused, "qemu-img check -r all");
}

TEST_F(Qcow2Writer, refuses_an_image_marked_corrupt) {
  create("", 1 << 20);
  poke_be<std::uint64_t>(image_, field::incompatible, 2);
  expect_refused(ErrorKind::refused, "marked corrupt");
}

TEST_F(Qcow2Writer, refuses_tables_that_overlap) {
  create("", 1 << 20);
  qemu_io(image_, {"write 0 64k"});
  const auto refcount_table = peek_be<std::uint64_t>(image_, field::refcount_offset);
  poke_be<std::uint64_t>(image_, l1_entry_place(image_, 0), refcount_table | std::uint64_t{1} << 63);
  expect_refused(ErrorKind::corrupt, "overlap");
}

TEST_F(Qcow2Writer, refuses_tables_that_lie_past_the_end_of_the_file) {
  constexpr std::uint64_t far = 1 << 30;
  create("", 1 << 20);
  qemu_io(image_, {"write 0 64k"});
  const auto refcount_table = peek_be<std::uint64_t>(image_, field::refcount_offset);
  poke_be<std::uint64_t>(image_, field::refcount_offset, far);
  expect_refused(ErrorKind::corrupt, "past the end of the file");
  poke_be<std::uint64_t>(image_, field::refcount_offset, refcount_table);
  poke_be<std::uint64_t>(image_, l1_entry_place(image_, 0), far | std::uint64_t{1} << 63);
  expect_refused(ErrorKind::corrupt, "past the end of the file");
}

TEST_F(Qcow2Writer, never_writes_guest_bytes_into_metadata) {
  create("", 1 << 20);
  qemu_io(image_, {"write 0 64k"});
  const std::uint64_t l2_table = peek_be<std::uint64_t>(image_, l1_entry_place(image_, 0)) & 0xfffffffffffe00;
  for (const std::uint64_t target : {peek_be<std::uint64_t>(image_, field::refcount_offset),
                                     peek_be<std::uint64_t>(image_, field::l1_offset), l2_table}) {
    poke_l2_entry(image_, 0, target | std::uint64_t{1} << 63);
    for (const bool zeroes : {false, true}) {
      const auto writer = open();
      const auto done = zeroes ? writer->zero({0, 65536}) : writer->write(0, telling_bytes(4096, 1));
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().kind, ErrorKind::corrupt);
      EXPECT_TRUE(log_.empty());
    }
  }
}

TEST_F(Qcow2Writer, never_writes_into_a_cluster_that_is_not_refcounted) {
  create("", 1 << 20);
  qemu_io(image_, {"write 0 64k"});
  poke_l2_entry(image_, 0, std::uint64_t{0x40000000} | std::uint64_t{1} << 63);
  const auto done = open()->write(0, telling_bytes(4096, 1));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::corrupt);
}

TEST_F(Qcow2Writer, refuses_to_grow_a_version_2_image_with_snapshots) {
  create("compat=0.10", 1 << 20);
  qemu_img({"snapshot", "-c", "s", image_});
  const auto grown = open()->grow(2 << 20);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().kind, ErrorKind::unsupported);
  EXPECT_TRUE(log_.empty());
}

TEST_F(Qcow2Writer, refuses_to_shrink) {
  create("", 1 << 20);
  const auto grown = open()->grow(1 << 19);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().kind, ErrorKind::invalid_argument);
}

TEST_F(Qcow2Writer, refuses_to_write_past_the_end) {
  create("", 1 << 20);
  const auto written = open()->write((1 << 20) - 512, telling_bytes(1024, 1));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::invalid_argument);
}

TEST_F(Qcow2Writer, refuses_an_image_whose_data_file_is_not_given) {
  create("data_file=" + (folder_ / "data"), 1 << 20);
  expect_refused(ErrorKind::invalid_argument, "data file is missing");
}

}  // namespace
}  // namespace qchain::test
