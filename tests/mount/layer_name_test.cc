#include "fusefs/layer_name.h"

#include <gtest/gtest.h>

namespace qchain::fusefs {
namespace {

TEST(LayerName, IsIndexAndLastComponent) {
  EXPECT_EQ(layer_name(3, "/var/images/a.qcow2"), "3-a.qcow2.raw");
}

TEST(LayerName, MakesControlCharactersSafe) {
  EXPECT_EQ(layer_name(1, "a\n\x1b[2J\x7f"), "1-a__[2J_.raw");
}

TEST(LayerName, KeepsOtherBytes) {
  EXPECT_EQ(layer_name(1, "ä b;$(x)"), "1-ä b;$(x).raw");
}

TEST(LayerName, IgnoresSlashesAtTheEnd) {
  EXPECT_EQ(layer_name(2, "dir/name//"), "2-name.raw");
}

TEST(LayerName, StandsInForANameWithoutComponents) {
  EXPECT_EQ(layer_name(2, "//"), "2-layer.raw");
}

TEST(LayerName, IsCutToWhatAFileNameMayHave) {
  const std::string name = layer_name(1000, std::string(255, 'x'));
  EXPECT_EQ(name.size(), 255U);
  EXPECT_TRUE(name.ends_with("x.raw"));
}

TEST(LayerName, IsNotCutInsideACharacter) {
  const std::string name = layer_name(1, std::string(248, 'x') + "ä");  // room for 249 bytes
  EXPECT_EQ(name, "1-" + std::string(248, 'x') + ".raw");
}

}  // namespace
}  // namespace qchain::fusefs
