#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class MapPicture : public SampleChain {
 protected:
  static std::string text_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(MapPicture, has_a_row_a_layer_and_the_view_and_is_well_formed) {
  EXPECT_EQ(output_of({"map", "--svg", path("m.svg"), "c.qcow2"}), "");
  const std::string svg = text_of("m.svg");
  for (const char* words : {"c.qcow2: 10 MiB, 4 layers", ">[4] c.qcow2<", ">[1] base.raw<", ">view: ", ">compressed<",
                            ">8 MiB<", "offset in the guest"}) {
    EXPECT_THAT(svg, HasSubstr(words));
  }
  must_run({"python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", "m.svg"});
}

TEST_F(MapPicture, draws_data_where_it_is) {
  qemu_img({"create", "-q", "-f", "qcow2", path("half.qcow2"), "64M"});
  qemu_io("half.qcow2", {"write -P 1 16M 16M"});
  must_run({QCHAIN_BINARY, "map", "--svg", "half.svg", "half.qcow2"});
  // Of 1200 units of width, from the second quarter on, a quarter wide.
  EXPECT_THAT(text_of("half.svg"), testing::ContainsRegex("fill=\"#3b75af\" d=\"M[0-9.]+ [0-9.]+h300v"));
}

TEST_F(MapPicture, names_cannot_break_the_drawing) {
  const std::string name = "a&<b>\xff.qcow2";
  create_overlay(path(name), "base.raw", "raw");
  EXPECT_EQ(output_of({"map", "--svg", path("odd.svg"), name}), "");
  EXPECT_THAT(text_of("odd.svg"), HasSubstr("a&amp;&lt;b&gt;?.qcow2"));
  must_run({"python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", "odd.svg"});
}

TEST_F(MapPicture, is_drawn_over_an_earlier_one_but_never_over_an_image) {
  EXPECT_EQ(output_of({"map", "--svg", path("again.svg"), "a.qcow2"}), "");
  EXPECT_EQ(output_of({"map", "--svg", path("again.svg"), "c.qcow2"}), "");
  EXPECT_THAT(text_of("again.svg"), HasSubstr("c.qcow2"));
  const auto before = read_file("base.raw");
  EXPECT_TRUE(
      fails_in_one_line(run_cli({"map", "--svg", "base.raw", "c.qcow2"}), "base.raw: exists and is not a drawing"));
  EXPECT_EQ(read_file("base.raw"), before);
}

TEST_F(MapPicture, a_folder_that_is_not_there_is_an_error) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--svg", "none/x.svg", "c.qcow2"}), "none/x.svg"));
}

TEST_F(MapPicture, stays_small_for_a_disk_of_random_writes) {
  make_dust(path("dust.raw"));
  EXPECT_EQ(output_of({"map", "--svg", path("dust.svg"), "dust.raw"}), "");
  EXPECT_LT(file_size("dust.svg"), 100'000U);
}

TEST_F(MapPicture, of_an_empty_disk) {
  qemu_img({"create", "-q", "-f", "qcow2", path("nil.qcow2"), "0"});
  EXPECT_EQ(output_of({"map", "--svg", path("nil.svg"), "nil.qcow2"}), "");
  EXPECT_THAT(text_of("nil.svg"), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace qchain::test
