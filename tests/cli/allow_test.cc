#include <gmock/gmock.h>

#include <filesystem>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class Allow : public SampleChain, public testing::WithParamInterface<std::vector<std::string>> {
 protected:
  /// The command with `--allow folder` right before the image's name: it must not take that for a folder too.
  [[nodiscard]] static CliResult run_with(const std::string& folder) {
    std::vector<std::string> words = GetParam();
    const auto image = std::ranges::find(words, "c.qcow2");
    words.insert(image, {"--allow", folder});
    return run_cli(words);
  }
};

TEST_P(Allow, files_that_headers_name_inside_are_opened) {
  const CliResult result = run_with(".");
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_P(Allow, files_that_headers_name_elsewhere_are_refused) {
  std::filesystem::create_directory("elsewhere");
  const CliResult result = run_with("elsewhere");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("in no folder that --allow names; named as backing file by c.qcow2"));
}

TEST_P(Allow, a_folder_that_is_missing_is_an_error) {
  const CliResult result = run_with("nope");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("nope: cannot be allowed"));
}

using Words = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(Commands, Allow,
                         testing::Values(Words{"info", "c.qcow2"}, Words{"map", "c.qcow2"},
                                         Words{"copy", "c.qcow2", "out.raw"}, Words{"verify", "c.qcow2", "c.qcow2"},
                                         Words{"commit", "--dry-run", "--bitmaps=drop", "--top=a.qcow2", "c.qcow2"}),
                         [](const auto& instance) { return instance.param.front(); });

}  // namespace
}  // namespace qchain::test
