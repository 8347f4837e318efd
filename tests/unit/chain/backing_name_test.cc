#include "qcow/chain/backing_name.h"

#include <gtest/gtest.h>

namespace qchain {
namespace {

Result<BackingTarget> resolved(std::string name, std::optional<std::string> format = "raw",
                               const std::string& image = "/images/top.qcow2") {
  format::Header header;
  header.backing_file = std::move(name);
  header.backing_format = std::move(format);
  return resolve_backing(header, image);
}

std::string path_of(const std::string& name, const std::string& image = "/images/top.qcow2") {
  const auto target = resolved(name, "raw", image);
  return target ? target->path : "error: " + target.error().what;
}

TEST(BackingName, IsRelativeToTheFolderOfTheOverlay) {
  EXPECT_EQ(path_of("base.raw"), "/images/base.raw");
  EXPECT_EQ(path_of("../b/base.raw", "sub/top.qcow2"), "sub/../b/base.raw");
  EXPECT_EQ(path_of("base.raw", "top.qcow2"), "base.raw");
  EXPECT_EQ(path_of("/abs/base.raw"), "/abs/base.raw");
}

TEST(BackingName, ColonsAfterASlashAreNoProtocol) {
  EXPECT_EQ(path_of("./a:b.raw"), "/images/./a:b.raw");
  EXPECT_EQ(path_of("/a:b.raw"), "/a:b.raw");
}

TEST(BackingName, AnyBytesArePartOfTheName) {
  EXPECT_EQ(path_of("a b\n\xff.raw"), "/images/a b\n\xff.raw");
}

TEST(BackingName, FilePrefixIsRelativeToTheProcess) {
  EXPECT_EQ(path_of("file:/x/base.raw"), "/x/base.raw");
  EXPECT_EQ(path_of("file:base.raw"), "base.raw");
}

TEST(BackingName, ProtocolsAreRefusedByName) {
  for (const char* name : {"nbd://host/export", "fat:rw:/etc", "http://x/y", "a:b.raw", "vvfat:x", ":"}) {
    const auto target = resolved(name);
    ASSERT_FALSE(target) << name;
    EXPECT_EQ(target.error().kind, ErrorKind::unsupported) << name;
    EXPECT_NE(target.error().what.find(name), std::string::npos) << name;
  }
}

TEST(BackingName, ANulByteIsRefused) {
  EXPECT_EQ(resolved(std::string("a\0b", 3)).error().kind, ErrorKind::unsupported);
}

TEST(BackingFormat, OldProtocolNamesMeanRaw) {
  for (const char* format : {"raw", "file", "host_device"}) {
    EXPECT_EQ(resolved("x", format)->format, ImageFormat::raw) << format;
  }
  EXPECT_EQ(resolved("x", "qcow2")->format, ImageFormat::qcow2);
}

TEST(BackingFormat, OthersAreRefusedByName) {
  const auto target = resolved("x", "vmdk");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().kind, ErrorKind::unsupported);
  EXPECT_NE(target.error().what.find("vmdk"), std::string::npos);
}

TEST(BackingFormat, MissingIsRefusedWithTheCommandThatRecordsIt) {
  const auto target = resolved("base.raw", std::nullopt);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().kind, ErrorKind::missing_format);
  EXPECT_NE(target.error().advice.find("qemu-img rebase -u -b 'base.raw' -F"), std::string::npos);
}

TEST(JsonName, NestedAndFlatLeadToTheFile) {
  EXPECT_EQ(path_of(R"(json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}})"), "a.qcow2");
  EXPECT_EQ(path_of(R"(json:{"driver":"qcow2","file.driver":"file","file.filename":"/x/a.qcow2"})"), "/x/a.qcow2");
  EXPECT_EQ(path_of(R"(json:{"driver":"file","filename":"/x/base.raw"})"), "/x/base.raw");
}

TEST(JsonName, GivesTheFormatWhereTheHeaderDoesNot) {
  const auto target = resolved(R"(json:{"driver":"qcow2","file":{"driver":"file","filename":"a"}})", std::nullopt);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->format, ImageFormat::qcow2);
  EXPECT_EQ(resolved(R"(json:{"file":{"driver":"file","filename":"a"}})", std::nullopt).error().kind,
            ErrorKind::missing_format);
}

TEST(JsonName, ABackingKeyReplacesTheNextLayer) {
  const auto none = resolved(R"(json:{"driver":"qcow2","file.filename":"a","backing":null})", "qcow2");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->overrides_next);
  EXPECT_EQ(none->next, nullptr);
  const auto other = resolved(
      R"(json:{"driver":"qcow2","file.filename":"a","backing":{"driver":"raw","file":{"driver":"file","filename":"b"}}})",
      "qcow2");
  ASSERT_TRUE(other);
  ASSERT_NE(other->next, nullptr);
  EXPECT_EQ(other->next->path, "b");
  EXPECT_EQ(other->next->format, ImageFormat::raw);
}

TEST(JsonName, OptionsThatOnlyTuneAreIgnored) {
  EXPECT_EQ(
      path_of(R"(json:{"driver":"raw","file":{"driver":"file","filename":"b","aio":"native","cache.direct":true}})"),
      "b");
}

TEST(JsonName, WhatChangesTheBytesIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(json:{"driver":"raw","offset":512,"file.filename":"b"})", "offset"},
      {R"(json:{"driver":"raw","file":"node0"})", "local file"},
      {R"(json:{"driver":"nbd","host":"x"})", "host"},
      {R"(json:{"driver":"qcow2","file":{"driver":"nbd","filename":"x"}})", "nbd"},
      {R"(json:{"driver":"qcow2","file":{"driver":"qcow2","file":{"filename":"x"}}})", "driver"},
      {R"(json:{"driver":"qcow2","encrypt.key-secret":"s","file.filename":"b"})", "encrypt"},
      {R"(json:{"driver":"qcow2","file.filename":7})", "filename"},
  };
  for (const auto& [name, word] : cases) {
    const auto target = resolved(name, std::nullopt);
    ASSERT_FALSE(target) << name;
    EXPECT_EQ(target.error().kind, ErrorKind::unsupported) << name;
    EXPECT_NE(target.error().what.find(word), std::string::npos) << target.error().what;
  }
}

TEST(JsonName, GarbageIsAnError) {
  for (const char* name : {"json:", "json:{", "json:[]", "json:null", "json:{\"a\":\xff}", "json:3"}) {
    EXPECT_FALSE(resolved(name)) << name;
  }
}

TEST(DataFile, IsRelativeToTheFolderOfTheImage) {
  EXPECT_EQ(resolve_data_file("x.data", "/images/top.qcow2"), "/images/x.data");
  EXPECT_EQ(resolve_data_file("nbd:x", "/images/top.qcow2").error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace qchain
