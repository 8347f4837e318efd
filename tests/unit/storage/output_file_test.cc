#include "qcow/storage/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain {
namespace {

using test::bytes_of;
using test::read_file;
using test::write_file;
using ::testing::HasSubstr;

class OutputFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), std::filesystem::directory_iterator()));
  }
  std::unique_ptr<OutputFile> create(Existing existing = Existing::refuse) {
    auto output = OutputFile::create(path_, existing);
    EXPECT_TRUE(output) << describe(output.error());
    EXPECT_TRUE((*output)->file().write(0, bytes_of("new")));
    return *std::move(output);
  }

  test::TempDir folder_;
  std::string path_ = folder_ / "out";
};

TEST_F(OutputFileTest, HasItsNameOnlyOncePublished) {
  const auto output = create();
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(output->publish());
  EXPECT_EQ(read_file(path_), bytes_of("new"));
}

TEST_F(OutputFileTest, UnpublishedLeavesNothing) {
  create();
  EXPECT_EQ(files(), 0U);
}

TEST_F(OutputFileTest, HasTheModeOfANewFile) {
  ASSERT_TRUE(create()->publish());
  const mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0666U & ~mask);
}

TEST_F(OutputFileTest, FileThatCameMeanwhileIsNotOverwritten) {
  const auto output = create();
  write_file(path_, bytes_of("other"));
  const auto published = output->publish();
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().kind, ErrorKind::refused);
  EXPECT_EQ(read_file(path_), bytes_of("other"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(OutputFileTest, ReplacesTheOldFileAtTheEndOnly) {
  write_file(path_, bytes_of("old"));
  const auto output = create(Existing::replace);
  EXPECT_EQ(read_file(path_), bytes_of("old"));
  ASSERT_TRUE(output->publish());
  EXPECT_EQ(read_file(path_), bytes_of("new"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(OutputFileTest, ReplaceTakesAFreeNameToo) {
  ASSERT_TRUE(create(Existing::replace)->publish());
  EXPECT_EQ(read_file(path_), bytes_of("new"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(OutputFileTest, FailedReplacementLeavesNothing) {
  write_file(path_, bytes_of("old"));
  auto output = create(Existing::replace);
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(output->publish());
  output.reset();
  EXPECT_EQ(files(), 1U) << "only what came in the way";
}

TEST_F(OutputFileTest, ReplacesTheTargetOfALink) {
  write_file(folder_ / "target", bytes_of("old"));
  std::filesystem::create_symlink("target", path_);
  ASSERT_TRUE(create(Existing::replace)->publish());
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(read_file(folder_ / "target"), bytes_of("new"));
}

TEST_F(OutputFileTest, DanglingLinkCountsAsAnExistingFile) {
  std::filesystem::create_symlink("nowhere", path_);
  EXPECT_EQ(OutputFile::create(path_, Existing::refuse).error().kind, ErrorKind::refused);
}

TEST_F(OutputFileTest, SpecialFilesAreNeverReplaced) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(OutputFile::create(path_, Existing::replace).error().kind, ErrorKind::refused);
  EXPECT_EQ(OutputFile::create(folder_.path(), Existing::replace).error().kind, ErrorKind::refused);
}

TEST_F(OutputFileTest, MissingFolderIsSaid) {
  const auto output = OutputFile::create(folder_ / "nope/out", Existing::refuse);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().kind, ErrorKind::not_found);
  EXPECT_THAT(describe(output.error()), HasSubstr("nope/out: cannot make the file"));
}

TEST_F(OutputFileTest, ZeroedRangeReadsAsZerosAndNothingElseDoes) {
  const auto output = create();
  ASSERT_TRUE(output->file().write(0, test::telling_bytes(65536, 3)));
  ASSERT_TRUE(output->file().zero({1000, 20000}));
  ASSERT_TRUE(output->publish());
  auto expected = test::telling_bytes(65536, 3);
  std::fill_n(expected.begin() + 1000, 20000, std::byte{0});
  EXPECT_EQ(read_file(path_), expected);
}

}  // namespace
}  // namespace qchain
