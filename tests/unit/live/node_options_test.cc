#include "live/qmp/node_options.h"

#include <gtest/gtest.h>

namespace qchain::live::qmp {
namespace {

const std::vector<std::string> command{
    "qemu",
    "-blockdev",
    R"({"driver":"file","node-name":"base-f","filename":"/b","aio":"native","discard":"unmap"})",
    "-blockdev",
    R"({"driver":"raw","node-name":"base","file":"base-f","read-only":true,"cache":{"direct":true}})",
    "-blockdev",
    R"({"driver":"qcow2","node-name":"c","file":{"driver":"file"},"discard":"unmap","lazy-refcounts":true})",
    "-blockdev",
    "driver=qcow2,node-name=words,file=base-f",
    "-blockdev",
    "{broken"};

TEST(NodeOptions, AreThoseOfTheCommandLine) {
  const NodeOptions options(command);
  EXPECT_EQ(*options.of_format("c"), Json({{"driver", "qcow2"}, {"discard", "unmap"}, {"lazy-refcounts", true}}));
  EXPECT_EQ(*options.of_file_below("base"), Json({{"driver", "file"}, {"aio", "native"}, {"discard", "unmap"}}));
  EXPECT_FALSE(options.of_format("other"));
  EXPECT_FALSE(options.of_format("words"));  // types of values are not told there
  EXPECT_FALSE(options.of_file_below("c"));  // inherits what only QEMU knows
}

TEST(NodeOptions, OfASnapshotAreThoseThatAnyFormatHas) {
  const NodeOptions options(command);
  EXPECT_EQ(*options.of_format("c.qchain-s12"), Json({{"driver", "qcow2"}, {"discard", "unmap"}}));
  EXPECT_EQ(*options.of_format("base.qchain-s1"), Json({{"driver", "qcow2"}, {"cache", {{"direct", true}}}}));
  EXPECT_FALSE(options.of_file_below("c.qchain-s12"));
  EXPECT_EQ(*options.of_file_below("base.qchain-s1"), *options.of_file_below("base"));
}

TEST(NodeOptions, OfANewBaseAreThoseOfTheOldOne) {
  const NodeOptions options(command);
  EXPECT_EQ(*options.of_format("base.qchain-b3"), *options.of_format("base"));
  EXPECT_EQ(*options.of_file_below("base.qchain-b3"), *options.of_file_below("base"));
}

TEST(NodeOptions, SayWhichFileANodeWasOpenedWith) {
  const NodeOptions options(command);
  EXPECT_EQ(options.file_below("base"), "base-f");
  EXPECT_EQ(options.file_below("base.qchain-s1"), "base.qchain-s1-f");
  EXPECT_EQ(options.file_below("c"), "");
}

TEST(NodeOptions, OfANameThatTheCommandLineHasAreItsOwn) {
  const NodeOptions options({"-blockdev", R"({"driver":"qcow2","node-name":"c.qchain-s1","file":"c.qchain-s1-f"})"});
  EXPECT_EQ(*options.of_format("c.qchain-s1"), Json({{"driver", "qcow2"}}));
  EXPECT_EQ(options.file_below("c.qchain-s1"), "c.qchain-s1-f");
  EXPECT_EQ(options.parse("c.qchain-s1.qchain-s1").root, "c.qchain-s1");
}

TEST(NodeOptions, OfNoProcessAreNotKnown) {
  EXPECT_FALSE(NodeOptions::of_process(0).of_format("c"));
}

TEST(NodeName, SaysWhatItWasMadeFrom) {
  EXPECT_EQ(parse_node_name("c.qchain-s1").root, "c");
  EXPECT_EQ(parse_node_name("c.qchain-s1").origin, Origin::snapshot);
  EXPECT_EQ(parse_node_name("c.qchain-b1").origin, Origin::new_base);
  EXPECT_EQ(parse_node_name("c.qchain-sx").root, "c.qchain-sx");
  EXPECT_EQ(parse_node_name("c.qchain-s1x").origin, Origin::command_line);
  EXPECT_EQ(parse_node_name("c.qchain-snap.qchain-s1").root, "c.qchain-snap");
}

TEST(NodeName, IsTheFirstThatIsFreeAndNotTooLong) {
  EXPECT_EQ(derived_name("c", Origin::snapshot, {}), "c.qchain-s1");
  EXPECT_EQ(derived_name("c", Origin::snapshot, {"c.qchain-s1"}), "c.qchain-s2");
  EXPECT_EQ(derived_name("c", Origin::new_base, {"c.qchain-b1-f"}), "c.qchain-b2");
  EXPECT_EQ(derived_name("#block123", Origin::snapshot, {}), std::nullopt);
  EXPECT_EQ(derived_name("a-name-of-some-20-chars", Origin::snapshot, {}), std::nullopt);
}

}  // namespace
}  // namespace qchain::live::qmp
