#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"

namespace qchain::test {
namespace {

/// All the ways to name layer 3 give the same map, and not that of layer 2.
class LayerAddress : public SampleChain {
 protected:
  static std::string map_to(const std::string& top) { return output_of({"map", "--top", top, "c.qcow2"}); }
};

TEST_F(LayerAddress, by_file_as_the_chain_names_it) {
  EXPECT_EQ(map_to("b.qcow2"), map_to("3"));
  EXPECT_NE(map_to("a.qcow2"), map_to("3"));
}

TEST_F(LayerAddress, by_index_in_all_its_spellings) {
  EXPECT_EQ(map_to("[3]"), map_to("3"));
  EXPECT_EQ(map_to("vda[3]"), map_to("3"));
  EXPECT_EQ(map_to("any thing[3]"), map_to("3"));
  EXPECT_NE(map_to("[2]"), map_to("3"));
}

TEST_F(LayerAddress, by_another_path_to_the_same_file) {
  std::filesystem::create_directory("sub");
  std::filesystem::create_symlink(path("b.qcow2"), "sub/link");
  std::filesystem::create_hard_link("b.qcow2", "sub/hard");
  for (const std::string& name :
       {path("b.qcow2"), std::string("sub/../b.qcow2"), std::string("sub/link"), std::string("sub/hard")}) {
    EXPECT_EQ(map_to(name), map_to("3")) << name;
  }
}

TEST_F(LayerAddress, base_and_top_are_included) {
  const auto entries =
      nlohmann::json::parse(output_of({"map", "--output=json", "--base=[2]", "--top=b.qcow2", "c.qcow2"}));
  std::set<std::size_t> layers;
  for (const auto& entry : entries) {
    layers.insert(entry["layer"].get<std::size_t>());
  }
  EXPECT_EQ(layers, (std::set<std::size_t>{2, 3}));
}

TEST_F(LayerAddress, the_index_does_not_depend_on_which_image_is_given) {
  EXPECT_EQ(output_of({"map", "--top=2", "b.qcow2"}), output_of({"map", "--top=2", "c.qcow2"}));
}

TEST_F(LayerAddress, what_names_no_layer_is_refused_in_one_line) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--top", "5", "c.qcow2"}), "4 (the active image)"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--top", "0", "c.qcow2"}), "c.qcow2"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--base", "none.raw", "c.qcow2"}), "none.raw"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--base", "3", "--top", "2", "c.qcow2"}), "above top"));
}

}  // namespace
}  // namespace qchain::test
