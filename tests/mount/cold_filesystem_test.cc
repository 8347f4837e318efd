#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "fusefs/filesystem.h"
#include "fusefs/thread_buffer.h"
#include "qcow/storage/file_storage.h"
#include "qcow/storage/page_cache.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using namespace fusefs;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t size = 1024 * kib;
constexpr unsigned few = FileSystem::few;
constexpr std::chrono::seconds patience{20};  // only a failure takes that long

/// A disk that does not answer until it is told to. Only its first 4 KiB are in memory.
class SilentStorage final : public Storage {
 public:
  explicit SilentStorage(std::shared_ptr<const FileStorage> file) : file_(std::move(file)) {}

  [[nodiscard]] const std::string& name() const noexcept override { return file_->name(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return file_->size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return file_->identity(); }
  [[nodiscard]] StorageFacts facts() const noexcept override { return file_->facts(); }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return file_->run_at(offset, end);
  }
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }
  [[nodiscard]] SharedStorage past_cache() const override { return file_; }
  [[nodiscard]] bool is_on_disk_only(Range range) const noexcept override { return range.end() > 4 * kib; }
  [[nodiscard]] bool read_without_waiting(std::uint64_t offset, MutableBytes into) const noexcept override {
    return !is_on_disk_only({offset, into.size()});
  }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    std::unique_lock lock(mutex_);
    ++reads_;
    if (is_on_disk_only({offset, into.size()})) {
      ++waiting_;
      changed_.notify_all();
      changed_.wait_for(lock, patience, [this] { return answers_; });
    }
    return into.size();
  }

  void expect_waiting(unsigned count) const {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] { return waiting_ == count; }));
  }
  [[nodiscard]] unsigned reads() const {
    const std::scoped_lock lock(mutex_);
    return reads_;
  }
  void answer() const {
    const std::scoped_lock lock(mutex_);
    answers_ = true;
    changed_.notify_all();
  }

 private:
  std::shared_ptr<const FileStorage> file_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable unsigned waiting_ = 0;
  mutable unsigned reads_ = 0;
  mutable bool answers_ = false;
};

/// All of it is data, where it is in the file.
class SilentImage final : public Image {
 public:
  explicit SilentImage(const std::shared_ptr<const FileStorage>& file) : storage_(file) {}

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::raw; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return storage_.size(); }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return 64 * kib; }
  [[nodiscard]] const SilentStorage& storage() const noexcept override { return storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return storage_; }
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return size(); }
  void map(Range range, std::size_t, Extents& out) const override {
    Extent extent{.start = range.start, .length = range.length, .kind = ExtentKind::data};
    extent.offset = range.start;
    out.push_back(extent);
  }
  [[nodiscard]] Result<void> inflate(const Extent&, MutableBytes) const override { return {}; }

 private:
  SilentStorage storage_;
};

class ColdFileSystem : public testing::Test {
 protected:
  void SetUp() override {
    if (!shows_its_cache(dir_.path()) || !cached_bytes_by_cachestat(image_->storage().descriptor(), {0, 1})) {
      GTEST_SKIP() << "not told what is in memory: an old kernel, a tmpfs or an overlayfs";
    }
    ASSERT_TRUE(read({0, 4 * kib})) << "from now on it is known where all of it is";
  }
  ~ColdFileSystem() override { image_->storage().answer(); }

  [[nodiscard]] std::shared_ptr<const FileStorage> file_of_size() const {
    write_file(dir_ / "file", telling_bytes(size, 1));
    return FileStorage::adopt(UniqueFd(::open((dir_ / "file").c_str(), O_RDONLY | O_CLOEXEC)), "file").value();
  }
  [[nodiscard]] Reply<Content> read(Range range) {
    ReplyPipe none;
    return files_.read(*file_, range, {thread_buffer(), none}, IfCold::put_off);
  }
  /// Readers that each have a thread to wait in.
  void let_wait(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      readers_.push_back(std::async(std::launch::async, [this] {
        const auto content = read({512 * kib, 4 * kib});
        return content && !content->put_off;
      }));
    }
    image_->storage().expect_waiting(count);
  }

  TempDir dir_;
  std::shared_ptr<SilentImage> image_ = std::make_shared<SilentImage>(file_of_size());
  Reporter reporter_{[](const std::string&) {}};
  Views views_{slice_of({image_}), ViewCaches()};
  Crew crew_;
  FileSystem files_{
      Tree::single_file(views_.slice()), views_, Owner{}, crew_, reporter_, Zeros::of_size(max_reply).value(),
      ColdFiles(*views_.up_to(0))};
  OpenFile* file_ = files_.open(root_inode, O_RDONLY).value();
  std::vector<std::future<bool>> readers_;
};

TEST_F(ColdFileSystem, PutsASmallReadOffWhereOthersWait) {
  let_wait(few);
  const auto content = read({640 * kib, 8 * kib});
  ASSERT_TRUE(content && content->put_off);
  EXPECT_EQ(content->put_off->piece.offset, 640 * kib);
  EXPECT_EQ(content->put_off->piece.length, 8 * kib);
  image_->storage().answer();
  const auto late = files_.read_waiting(*file_, content->put_off->in_view, {thread_buffer(), thread_pipe()});
  EXPECT_TRUE(late && late->bytes.size() == 8 * kib);
  for (auto& reader : readers_) {
    EXPECT_TRUE(reader.get());
  }
}

TEST_F(ColdFileSystem, PutsOffNothingElse) {
  let_wait(few);
  const auto in_memory = read({0, 4 * kib});
  ASSERT_TRUE(in_memory);
  EXPECT_FALSE(in_memory->put_off);
  image_->storage().answer();
  const auto large = read({640 * kib, 32 * kib});
  ASSERT_TRUE(large);
  EXPECT_FALSE(large->put_off);
}

// A crew that has no threads has none to spare.
TEST_F(ColdFileSystem, DoesNotWaitForWhatIsInMemoryWhereNoThreadCanBeSpared) {
  const unsigned before = image_->storage().reads();
  const auto content = read({0, 4 * kib});
  ASSERT_TRUE(content);
  EXPECT_EQ(content->bytes.size(), 4 * kib);
  EXPECT_EQ(image_->storage().reads(), before);
}

TEST_F(ColdFileSystem, CountsThoseThatArePutOff) {
  let_wait(few - 1);
  auto thread = std::async(std::launch::async, [this] { return read({512 * kib, 4 * kib}); });
  image_->storage().expect_waiting(few);
  std::vector<Reply<Content>> put_off;
  put_off.push_back(read({640 * kib, 4 * kib}));
  put_off.push_back(read({644 * kib, 4 * kib}));
  put_off.push_back(read({648 * kib, 4 * kib}));
  image_->storage().answer();
  readers_.clear();
  thread.wait();
  EXPECT_TRUE(read({700 * kib, 4 * kib})->put_off) << "three wait without a thread";
  put_off.clear();
  EXPECT_FALSE(read({700 * kib, 4 * kib})->put_off) << "nobody waits";
}

}  // namespace
}  // namespace qchain::test
