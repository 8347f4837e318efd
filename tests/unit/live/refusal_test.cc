#include "live/qmp/refusal.h"

#include <gtest/gtest.h>

namespace qchain::live::qmp {
namespace {

struct Row {
  const char* text;  ///< what QEMU 7.2 said
  ErrorKind kind;
  const char* says;
};

TEST(Refusal, IsSaidInTheUsersWords) {
  const std::vector<Row> rows{
      {"Need a root block node", ErrorKind::locked, "another block job is on the disk"},
      {"Node 'c' is busy: block device is in use by block job: commit", ErrorKind::locked, "another block job"},
      {"Cannot replace implicit backing child of c", ErrorKind::locked, "another block job"},
      {"'b' is not in this backing file chain", ErrorKind::invalid_argument, "does not lie below the top"},
      {"cannot commit an image into itself", ErrorKind::invalid_argument, "same layer"},
      {"Cannot find device='' nor node-name='nope'", ErrorKind::refused, "chain changed"},
      {"Top image file X not found", ErrorKind::refused, "chain changed"},
      {"'backing-file' specified, but 'top' is the active layer", ErrorKind::refused, "chain changed"},
      {"Node 'a' is busy: node is used as backing hd of 'b'", ErrorKind::refused, "hangs on it"},
      {"Failed to get \"write\" lock", ErrorKind::locked, "another process has the base open"},
      {"Could not open '/x/base.raw': Operation not permitted", ErrorKind::permission, "may not write to the base"},
      {"Block node is read-only", ErrorKind::refused, "locking=off"},
      {"No space left on device", ErrorKind::no_space, "file system is full"},
      {"Job 'j1' in state 'running' cannot accept command verb 'complete'", ErrorKind::refused, "not where"},
      {"Job not found", ErrorKind::refused, "disks changed"},
      {"something new", ErrorKind::refused, "QEMU refuses: something new"}};
  for (const Row& row : rows) {
    const Error error = in_users_words({.error_class = "GenericError", .text = row.text}, "qmp:s");
    EXPECT_EQ(error.kind, row.kind) << row.text;
    EXPECT_NE(describe(error).find(row.says), std::string::npos) << describe(error);
    EXPECT_NE(describe(error).find(row.text), std::string::npos) << describe(error);
    EXPECT_EQ(describe(error).find('\n'), std::string::npos);
  }
}

TEST(Refusal, WhatIsNotThereIsTold) {
  EXPECT_TRUE(is_missing({.error_class = "DeviceNotFound", .text = "Device 'nope' not found"}));
  EXPECT_TRUE(is_missing({.error_class = "GenericError", .text = "Failed to find node with node-name='b'"}));
  EXPECT_FALSE(is_missing({.error_class = "GenericError", .text = "Node n2 is in use"}));
  EXPECT_TRUE(is_in_use({.error_class = "GenericError", .text = "Node n2 is in use"}));
}

}  // namespace
}  // namespace qchain::live::qmp
