#include "qcow/storage/allowed_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "qcow/storage/gate.h"
#include "qcow/storage/writing_gate.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain {
namespace {

using test::bytes_of;
using test::write_file;
using ::testing::HasSubstr;

/// in/ is allowed; out/ and in-too/ are not.
class AllowedFoldersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"in", "in-too", "out"}) {
      std::filesystem::create_directory(folder_ / folder);
      write_file(folder_ / (std::string(folder) + "/file"), bytes_of("abc"));
    }
  }

  Result<SharedStorage> open(const std::string& path, OpenRole role = OpenRole::backing_file) {
    FileGate gate(Locking::none, AllowedFolders::only({folder_ / "in"}).value());
    return gate.open({.path = folder_ / path, .role = role, .named_by = "c.qcow2"});
  }
  void expect_refused(const std::string& path, OpenRole role = OpenRole::backing_file) {
    const auto storage = open(path, role);
    ASSERT_FALSE(storage) << path;
    EXPECT_EQ(storage.error().kind, ErrorKind::refused) << describe(storage.error());
    EXPECT_THAT(describe(storage.error()), HasSubstr("in no folder that --allow names")) << path;
    EXPECT_THAT(describe(storage.error()), HasSubstr("by c.qcow2")) << path;
  }

  test::TempDir folder_;
};

TEST_F(AllowedFoldersTest, AFileInsideIsOpened) {
  EXPECT_TRUE(open("in/file"));
}

TEST_F(AllowedFoldersTest, BackingFilesAndDataFilesOutsideAreRefused) {
  expect_refused("out/file");
  expect_refused("out/file", OpenRole::data_file);
}

TEST_F(AllowedFoldersTest, WhatTheUserNamesIsNotQuestioned) {
  EXPECT_TRUE(open("out/file", OpenRole::named_by_user));
}

TEST_F(AllowedFoldersTest, DotsDoNotLeadOut) {
  expect_refused("in/../out/file");
  EXPECT_TRUE(open("out/../in/file"));
}

TEST_F(AllowedFoldersTest, ALongerNameIsAnotherFolder) {
  expect_refused("in-too/file");
}

TEST_F(AllowedFoldersTest, SymbolicLinksCountByWhereTheyLead) {
  std::filesystem::create_symlink("../out/file", folder_ / "in/link");
  std::filesystem::create_symlink("../out", folder_ / "in/folder");
  std::filesystem::create_symlink("../in/file", folder_ / "out/link");
  expect_refused("in/link");
  expect_refused("in/folder/file");
  EXPECT_TRUE(open("out/link"));
}

TEST_F(AllowedFoldersTest, AnAllowedFolderMayBeALinkItself) {
  std::filesystem::create_symlink("in", folder_ / "alias");
  FileGate gate(Locking::none, AllowedFolders::only({folder_ / "alias"}).value());
  EXPECT_TRUE(gate.open({.path = folder_ / "in/file", .role = OpenRole::backing_file, .named_by = "c.qcow2"}));
}

TEST_F(AllowedFoldersTest, AFileMayBeAllowedByItself) {
  FileGate gate(Locking::none, AllowedFolders::only({folder_ / "out/file"}).value());
  EXPECT_TRUE(gate.open({.path = folder_ / "out/file", .role = OpenRole::backing_file, .named_by = "c.qcow2"}));
  EXPECT_FALSE(gate.open({.path = folder_ / "in/file", .role = OpenRole::backing_file, .named_by = "c.qcow2"}));
}

TEST_F(AllowedFoldersTest, AFolderThatIsMissingIsAnError) {
  const auto allowed = AllowedFolders::only({folder_ / "nope"});
  ASSERT_FALSE(allowed);
  EXPECT_EQ(allowed.error().kind, ErrorKind::not_found);
}

/// Whoever may write to the folder swaps a link under the reader: what was judged is what is opened.
TEST_F(AllowedFoldersTest, NothingGetsInBetweenJudgingAndOpening) {
  write_file(folder_ / "out/file", bytes_of("secret"));
  std::filesystem::create_symlink("file", folder_ / "in/link");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop) {
      for (const char* target : {"file", "../out/file"}) {
        std::error_code ignored;
        std::filesystem::remove(folder_ / "in/new", ignored);
        std::filesystem::create_symlink(target, folder_ / "in/new", ignored);
        std::filesystem::rename(folder_ / "in/new", folder_ / "in/link", ignored);
      }
    }
  });
  int opened = 0;
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto storage = open("in/link");
    ++(storage ? opened : refused);
    if (storage) {
      EXPECT_EQ((*storage)->size(), 3U);
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(opened, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(AllowedFoldersTest, TheGateOfACommitIsConfinedToo) {
  FileWritingGate gate(AllowedFolders::only({folder_ / "in"}).value());
  EXPECT_FALSE(gate.open({.path = folder_ / "out/file", .role = OpenRole::backing_file, .named_by = "c.qcow2"}));
}

}  // namespace
}  // namespace qchain
