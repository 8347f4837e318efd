#include <gtest/gtest.h>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

Chain three_layers() {
  std::vector<Layer> layers;
  for (const char* file : {"/images/base.raw", "/images/a.qcow2", "/images/2"}) {
    layers.push_back(
        {.file = file,
         .backing_reference = {},
         .image = std::make_shared<FakeImage>(4096, Extents{}, std::vector<std::byte>{}, layers.size() + 1)});
  }
  layers[1].backing_reference = "base.raw";
  layers[2].backing_reference = "./a.qcow2";
  return Chain(std::move(layers));
}

TEST(Find, TakesAnIndexInAnyOfTheUsualWritings) {
  const Chain chain = three_layers();
  EXPECT_EQ(chain.find("1"), 0U);
  EXPECT_EQ(chain.find("[3]"), 2U);
  EXPECT_EQ(chain.find("vda[2]"), 1U);
  EXPECT_EQ(chain.find("any[thing][2]"), 1U);
}

TEST(Find, TakesTheNameOfTheFileOrTheNameInTheHeaderAbove) {
  const Chain chain = three_layers();
  EXPECT_EQ(chain.find("/images/a.qcow2"), 1U);
  EXPECT_EQ(chain.find("base.raw"), 0U);
  EXPECT_EQ(chain.find("./a.qcow2"), 1U);
}

TEST(Find, AnIndexIsNoNameOfAFile) {
  EXPECT_EQ(three_layers().find("/images/2"), 2U);
  EXPECT_EQ(three_layers().find("2"), 1U) << "whatever a header calls its backing file";
}

/// Two pools with an image of the same name.
TEST(Find, RefusesANameThatCouldBeEither) {
  std::vector<Layer> layers;
  for (const char* file : {"/pool/vm.qcow2", "/pool/s1", "vm.qcow2", "s2"}) {
    layers.push_back(
        {.file = file,
         .backing_reference = {},
         .image = std::make_shared<FakeImage>(4096, Extents{}, std::vector<std::byte>{}, layers.size() + 1)});
  }
  layers[1].backing_reference = "vm.qcow2";
  layers[3].backing_reference = "vm.qcow2";
  const Chain chain(std::move(layers));
  const auto found = chain.find("vm.qcow2");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(found.error().what, "'vm.qcow2' could be layer 1 or layer 3");
  EXPECT_EQ(chain.find("/pool/vm.qcow2"), 0U);
  EXPECT_EQ(chain.find("3"), 2U);
}

TEST(Find, RefusesWhatIsNotThere) {
  const Chain chain = three_layers();
  for (const char* name :
       {"0", "4", "vda[0]", "[99]", "nosuch.qcow2", "", "[", "]", "x]", "3x", "99999999999999999999"}) {
    const auto found = chain.find(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().kind, ErrorKind::invalid_argument) << name;
  }
}

TEST(SliceOf, DefaultsToTheWholeChain) {
  const auto slice = Slice::of(three_layers(), "", "");
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->base, 0U);
  EXPECT_EQ(slice->top, 2U);
}

TEST(SliceOf, RefusesABaseAboveTheTop) {
  const auto slice = Slice::of(three_layers(), "3", "2");
  ASSERT_FALSE(slice);
  EXPECT_EQ(slice.error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace qchain::test
