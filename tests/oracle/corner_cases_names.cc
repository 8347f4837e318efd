// Cases 19, 21 and 30: how a header names its backing file.
#include <filesystem>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

/// A name that a backing file may have, and the name the overlay gives it.
struct NamedBase {
  const char* test;
  std::string file;
  std::string reference;
};

void PrintTo(const NamedBase& name, std::ostream* out) {
  *out << name.test;
}

class BackingName : public CornerCase, public testing::WithParamInterface<NamedBase> {};

TEST_P(BackingName, Case19_IsReadAsQemuReadsIt) {
  fs::create_directories(fs::path(path(GetParam().file)).parent_path());
  raw(GetParam().file, 300 * KiB);
  fs::create_directory(path("over"));
  const std::string image = unchecked_overlay("over/top.qcow2", GetParam().reference, "raw", 300 * KiB);
  EXPECT_TRUE(reads_like_qemu(image));
}

INSTANTIATE_TEST_SUITE_P(Names, BackingName,
                         testing::Values(NamedBase{"beside", "over/base.raw", "base.raw"},
                                         NamedBase{"dot", "over/base.raw", "./base.raw"},
                                         NamedBase{"parent", "base.raw", "../base.raw"},
                                         NamedBase{"folder", "over/deep/base.raw", "deep/base.raw"},
                                         NamedBase{"colon", "over/a:b.raw", "./a:b.raw"},
                                         NamedBase{"colon_after_slash", "over/x/nbd:y", "x/nbd:y"},
                                         NamedBase{"space", "over/the base of it.raw", "the base of it.raw"},
                                         NamedBase{"newline", "over/two\nlines.raw", "two\nlines.raw"},
                                         NamedBase{"not_utf8", "over/b\xe4se\xff.raw", "b\xe4se\xff.raw"},
                                         NamedBase{"percent", "over/100%41.raw", "100%41.raw"},
                                         NamedBase{"quote", "over/it's \"here\".raw", "it's \"here\".raw"},
                                         NamedBase{"json_in_the_middle", "over/my.json", "my.json"},
                                         NamedBase{"long",
                                                   "over/" + std::string(200, 'n') + "/" + std::string(200, 'm'),
                                                   std::string(200, 'n') + "/" + std::string(200, 'm')}),
                         [](const auto& instance) { return std::string(instance.param.test); });

TEST_F(CornerCase, Case19_AbsoluteName) {
  const std::string base = raw("base.raw", 300 * KiB);
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", base, "raw")));
}

TEST_F(CornerCase, Case19_FilePrefix) {
  const std::string base = raw("base.raw", 300 * KiB);
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", "file:" + base, "raw")));
}

TEST_F(CornerCase, Case19_NameOf1023Bytes) {
  const std::string base = raw("base.raw", 300 * KiB);
  std::string name = base;
  while (name.size() < 1023) {
    name.insert(name.rfind('/'), "/");  // any number of slashes is one
  }
  ASSERT_EQ(name.size(), 1023U);
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", name, "raw")));
}

TEST_F(CornerCase, Case19_JsonNames) {
  const std::string base = raw("base.raw", 300 * KiB);
  const std::string file = R"("driver":"file","filename":")" + base + "\"";
  for (const std::string& name : {R"(json:{"driver":"raw","file":{)" + file + "}}",
                                  R"(json:{"driver":"raw","file.driver":"file","file.filename":")" + base + "\"}",
                                  R"(json:{"driver":"raw","file.filename":")" + base + "\"}",
                                  R"(json: { "file": { "filename": ")" + base + R"(" }, "driver": "raw" })"}) {
    EXPECT_TRUE(reads_like_qemu(unchecked_overlay("top.qcow2", name, "raw", 300 * KiB))) << name;
  }
}

TEST_F(CornerCase, Case19_JsonNameOfAQcow2Image) {
  const std::string base = qcow2("base.qcow2", MiB);
  qemu_io(base, {"write -P 4 100k 100k"});
  const std::string name = R"(json:{"driver":"qcow2","file":{"driver":"file","filename":")" + base + "\"}}";
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", name, "qcow2")));
}

TEST_F(CornerCase, Case19_JsonNameThatMovesTheDiskIsRefused) {
  const std::string base = raw("base.raw", 300 * KiB);
  const std::string name =
      R"(json:{"driver":"raw","offset":65536,"file":{"driver":"file","filename":")" + base + "\"}}";
  EXPECT_TRUE(is_refused(unchecked_overlay("top.qcow2", name, "raw", 100 * KiB), ErrorKind::unsupported, "offset"));
}

TEST_F(CornerCase, Case19_JsonNameOfANetworkAddressIsRefused) {
  const std::string name = R"(json:{"driver":"raw","file":{"driver":"nbd","host":"localhost","port":"10809"}})";
  EXPECT_TRUE(is_refused(unchecked_overlay("top.qcow2", name, "raw", MiB), ErrorKind::unsupported, "top.qcow2"));
}

TEST_F(CornerCase, Case19_JsonNameThatIsNoJson) {
  const std::string image = unchecked_overlay("top.qcow2", "base.raw", "raw", MiB);
  poke(image, peek_be<std::uint64_t>(image, field::backing_offset), bytes_of("json:{{{"));
  const Result<ByteVector> got = read_image(image);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().path, image);
}

TEST_F(CornerCase, Case19_ProtocolsAreRefusedByName) {
  raw("b.raw", MiB);
  for (const std::string name : {"nbd://localhost/disk", "fat:/tmp", "http://localhost/disk.raw", "a:b.raw"}) {
    const std::string image = unchecked_overlay("top.qcow2", "placeholder", "raw", MiB);
    poke(image, peek_be<std::uint64_t>(image, field::backing_offset), bytes_of(name));
    poke_be(image, field::backing_size, static_cast<std::uint32_t>(name.size()));
    EXPECT_TRUE(is_refused(image, ErrorKind::unsupported, name.substr(0, name.find(':'))));
  }
}

TEST_F(CornerCase, Case19_RelativeNameIsSeenFromTheFolderOfTheNameThatWasGiven) {
  // QEMU does not follow a symbolic link to find the folder: base.raw beside the link is taken.
  fs::create_directory(path("images"));
  fs::create_directory(path("links"));
  raw("images/base.raw", 300 * KiB, 1);
  raw("links/base.raw", 300 * KiB, 2);
  overlay("images/top.qcow2", "base.raw", "raw");
  fs::create_symlink(path("images/top.qcow2"), path("links/top.qcow2"));
  EXPECT_TRUE(reads_like_qemu(path("links/top.qcow2")));
  EXPECT_TRUE(reads_like_qemu(path("images/top.qcow2")));
}

TEST_F(CornerCase, Case19_RelativeNameDoesNotDependOnTheFolderOfTheProcess) {
  raw("base.raw", 300 * KiB, 1);
  overlay("top.qcow2", "base.raw", "raw");
  const fs::path before = fs::current_path();
  const TempDir elsewhere;
  write_file(elsewhere / "base.raw", telling_bytes(300 * KiB, 2));
  fs::current_path(elsewhere.path());
  EXPECT_TRUE(reads_like_qemu(path("top.qcow2")));
  fs::current_path(folder());
  EXPECT_TRUE(reads_like_qemu("top.qcow2"));
  fs::current_path(before);
}

TEST_F(CornerCase, Case19_MissingBackingFileIsNamedWithItsOverlay) {
  const std::string image = unchecked_overlay("top.qcow2", "gone.raw", "raw", MiB);
  EXPECT_TRUE(is_refused(image, ErrorKind::not_found, "gone.raw"));
  EXPECT_TRUE(is_refused(image, ErrorKind::not_found, "top.qcow2"));
}

TEST_F(CornerCase, Case19_MissingMiddleLayerIsNamed) {
  raw("base.raw", MiB);
  overlay("middle.qcow2", "base.raw", "raw");
  const std::string image = overlay("top.qcow2", "middle.qcow2", "qcow2");
  fs::remove(path("middle.qcow2"));
  EXPECT_TRUE(is_refused(image, ErrorKind::not_found, "middle.qcow2"));
}

TEST_F(CornerCase, Case19_ControlBytesOfANameDoNotReachTheTerminal) {
  const std::string image = unchecked_overlay("top.qcow2", "go\x1b[2Jne\n.raw", "raw", MiB);
  const Result<ByteVector> got = read_image(image);
  ASSERT_FALSE(got);
  const std::string line = describe(got.error());
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST_F(CornerCase, Case21_RawBaseThatBeginsLikeAQcow2ImageIsReadAsRaw) {
  const std::string inner = qcow2("inner.qcow2", MiB);
  qemu_io(inner, {"write -P 6 0 100k"});
  fs::rename(inner, path("base.raw"));
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  EXPECT_TRUE(reads_like_qemu(image));
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  ByteVector magic(4);
  ASSERT_TRUE((*view)->read(0, magic));
  EXPECT_EQ(magic, bytes_of("QFI\xfb"));
}

TEST_F(CornerCase, Case30_ChainWithRelativeNamesMayMoveAsAWhole) {
  // Rewriting a header belongs to commit; a reader must find the moved files by their relative names.
  fs::create_directory(path("old"));
  raw("old/base.raw", 300 * KiB);
  overlay("old/middle.qcow2", "base.raw", "raw");
  overlay("old/top.qcow2", "middle.qcow2", "qcow2");
  fs::rename(path("old"), path("new"));
  EXPECT_TRUE(reads_like_qemu(path("new/top.qcow2")));
}

}  // namespace
}  // namespace qchain::test
