#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// In a folder of its own, as the current one.
class List : public testing::Test {
 protected:
  List() : before_(fs::current_path()) { fs::current_path(folder_.path()); }
  ~List() override { fs::current_path(before_); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  /// A raw file of 1 MiB; it may be named as a raw base.
  static void make_raw(const std::string& name) { make_hole_file(name, 1 << 20); }

  /// The objects of the list, in their order.
  static std::vector<json> images(std::vector<std::string> args = {"."}) {
    args.insert(args.begin(), {"list", "--output=json"});
    return json_of(args);
  }

  static json image(const std::string& file, const std::vector<std::string>& args = {"."}) {
    for (const json& image : images(args)) {
      if (image["filename"] == file) {
        return image;
      }
    }
    ADD_FAILURE() << file << " is not in the list";
    return {};
  }

  static std::vector<std::string> files(const std::vector<std::string>& args = {"."}) {
    std::vector<std::string> names;
    for (const json& image : images(args)) {
      names.push_back(image["filename"]);
    }
    return names;
  }

 private:
  TempDir folder_;
  fs::path before_;
};

/// The wall clock would measure what else the machine does.
double processor_seconds_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST_F(List, draws_branches_only_where_several_images_hang_on_one) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  create_overlay("b.qcow2", "a.qcow2", "qcow2");
  create_overlay("c.qcow2", "b.qcow2", "qcow2");
  create_overlay("d.qcow2", "base.raw", "raw");
  create_overlay("e.qcow2", "d.qcow2", "qcow2");
  make_raw("nobodys.raw");
  const auto lines = lines_of(output_of({"list", "."}));
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[0], "6 images, 1 other file");
  EXPECT_THAT(lines[2], ContainsRegex("^FILE +FORMAT +VIRTUAL +ON DISK +NOTES$"));
  EXPECT_THAT(lines[3], ContainsRegex("^./base.raw +raw +1 MiB +0 B$"));
  EXPECT_THAT(lines[4], ContainsRegex("^├─ ./a.qcow2 +qcow2 +1 MiB +[0-9]+ KiB$"));
  EXPECT_THAT(lines[5], StartsWith("│  ./b.qcow2 "));
  EXPECT_THAT(lines[6], StartsWith("│  ./c.qcow2 "));
  EXPECT_THAT(lines[7], StartsWith("└─ ./d.qcow2 "));
  EXPECT_THAT(lines[8], StartsWith("   ./e.qcow2 "));
}

TEST_F(List, json_names_what_an_image_hangs_on_and_what_hangs_on_it) {
  make_raw("base.raw");
  create_overlay("b.qcow2", "base.raw", "raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  const auto all = images();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["filename"], "./base.raw");
  EXPECT_EQ(all[0]["overlays"], json({"./a.qcow2", "./b.qcow2"}));
  EXPECT_EQ(all[0]["format"], "raw");
  EXPECT_EQ(all[0]["state"], "complete");
  EXPECT_EQ(all[1]["filename"], "./a.qcow2");
  EXPECT_EQ(all[1]["full-backing-filename"], "./base.raw");
  EXPECT_EQ(all[1]["holders"], json::array());
}

TEST_F(List, json_has_the_values_of_qemu_img_info) {
  make_raw("base.raw");
  create_qcow2("a.qcow2",
               {.options = "cluster_size=4k", .backing = "base.raw", .backing_format = "raw", .size = 3 << 20});
  const json ours = image("./a.qcow2");
  const json theirs = json::parse(qemu_img({"info", "--output=json", "./a.qcow2"}));
  for (const char* key : {"filename", "format", "virtual-size", "actual-size", "cluster-size", "backing-filename",
                          "backing-filename-format", "full-backing-filename"}) {
    EXPECT_EQ(ours[key], theirs[key]) << key;
  }
}

TEST_F(List, overlays_of_a_missing_file_are_orphans_and_so_is_what_hangs_on_them) {
  make_raw("gone.raw");
  fs::create_directory("below");
  create_overlay("a.qcow2", "gone.raw", "raw");
  create_overlay("b.qcow2", "a.qcow2", "qcow2");
  create_overlay("below/c.qcow2", "../gone.raw", "raw");
  fs::remove("gone.raw");
  const auto lines = lines_of(output_of({"list", "."}));
  EXPECT_EQ(lines[0], "4 images, 3 orphan, 1 missing");
  EXPECT_THAT(lines[3], ContainsRegex("^./gone.raw +- +- +-  missing$"));
  EXPECT_THAT(lines[4], ContainsRegex("^├─ ./a.qcow2 .*  orphan$"));
  EXPECT_THAT(lines[5], ContainsRegex("^│  ./b.qcow2 .*  orphan$"));
  EXPECT_THAT(lines[6], ContainsRegex("^└─ ./below/c.qcow2 .*  orphan$"));
  EXPECT_THAT(std::string(image("./gone.raw")["error"]), HasSubstr("no such file"));
}

TEST_F(List, a_loop_is_a_line_for_each_of_its_images) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  create_overlay("b.qcow2", "a.qcow2", "qcow2");
  create_overlay("top.qcow2", "b.qcow2", "qcow2");
  create_overlay("fine.qcow2", "base.raw", "raw");
  qemu_img({"rebase", "-u", "-b", "b.qcow2", "-F", "qcow2", "a.qcow2"});
  EXPECT_THAT(files(), ElementsAre("./a.qcow2", "./b.qcow2", "./top.qcow2", "./base.raw", "./fine.qcow2"));
  const auto lines = lines_of(output_of({"list", "."}));
  EXPECT_EQ(lines[0], "5 images, 1 orphan, 2 loop");
  EXPECT_THAT(lines[3], ContainsRegex("^./a.qcow2 .*  loop: its backing file is 'b.qcow2'$"));
  EXPECT_EQ(image("./top.qcow2")["state"], "orphan");
  EXPECT_EQ(image("./fine.qcow2")["state"], "complete");
}

TEST_F(List, an_image_that_names_itself_is_a_loop) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  qemu_img({"rebase", "-u", "-b", "a.qcow2", "-F", "qcow2", "a.qcow2"});
  EXPECT_THAT(files(), ElementsAre("./a.qcow2"));
  EXPECT_EQ(image("./a.qcow2")["state"], "loop");
}

TEST_F(List, a_broken_image_is_a_line_and_no_more) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  create_overlay("b.qcow2", "a.qcow2", "qcow2");
  poke_be<std::uint32_t>("a.qcow2", 20, 77);  // cluster_bits
  EXPECT_THAT(files(), ElementsAre("./a.qcow2", "./b.qcow2")) << "nothing names base.raw any more";
  EXPECT_EQ(image("./a.qcow2")["state"], "unreadable");
  EXPECT_EQ(image("./b.qcow2")["state"], "orphan");
  const auto lines = lines_of(output_of({"list", "."}));
  EXPECT_EQ(lines[0], "2 images, 1 orphan, 1 unreadable, 1 other file");
  EXPECT_THAT(lines[3], ContainsRegex("^./a.qcow2 +- +- +-  unreadable: [^.]*cluster"));
}

TEST_F(List, a_missing_format_or_data_file_is_told_at_the_image) {
  make_raw("base.raw");
  create_overlay("unrecorded.qcow2", "base.raw", "raw");
  poke_be<std::uint32_t>("unrecorded.qcow2", 112, 0);  // the first extension, the backing format, ends the list now
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=d.raw", "d.qcow2", "1M"});
  fs::remove("d.raw");
  EXPECT_EQ(image("./unrecorded.qcow2")["state"], "orphan");
  EXPECT_THAT(std::string(image("./unrecorded.qcow2")["error"]),
              HasSubstr("the format of its backing file 'base.raw' is not recorded"));
  EXPECT_THAT(std::string(image("./d.qcow2")["error"]), HasSubstr("d.raw: no such file; named as data file"));
}

TEST_F(List, the_content_of_a_raw_base_is_not_looked_at) {
  make_raw("secret.raw");
  create_overlay("guest.raw", "secret.raw", "raw");  // what a guest wrote into its disk
  create_overlay("a.qcow2", "guest.raw", "raw");
  const auto all = images();
  ASSERT_EQ(all.size(), 4U) << "guest.raw in both readings";
  EXPECT_EQ(all[0]["filename"], "./guest.raw");
  EXPECT_EQ(all[0]["format"], "raw");
  EXPECT_EQ(all[0]["overlays"], json({"./a.qcow2"}));
  EXPECT_FALSE(all[0].contains("full-backing-filename"));
  EXPECT_EQ(all[3]["filename"], "./guest.raw");
  EXPECT_EQ(all[3]["format"], "qcow2");
  EXPECT_EQ(all[3]["overlays"], json::array());
}

TEST_F(List, follows_headers_out_of_the_folder) {
  fs::create_directories("store");
  fs::create_directories("vms");
  make_raw("store/base.raw");
  create_overlay("store/golden.qcow2", "base.raw", "raw");
  create_overlay("vms/a.qcow2", "../store/golden.qcow2", "qcow2");
  EXPECT_THAT(files({"vms"}), ElementsAre("vms/../store/base.raw", "vms/../store/golden.qcow2", "vms/a.qcow2"));
}

/// A link makes a relative name in the header lead elsewhere, in vain; a later image names it where it really lies.
TEST_F(List, an_image_is_followed_by_a_name_that_turns_up_late) {
  fs::create_directories("store");
  fs::create_directories("vms");
  make_raw("store/base.raw");
  create_overlay("store/a.qcow2", "base.raw", "raw");
  fs::create_symlink("../store/a.qcow2", "vms/a.qcow2");
  create_overlay("vms/b.qcow2", "../store/a.qcow2", "qcow2");
  EXPECT_THAT(files({"vms"}), ElementsAre("vms/../store/base.raw", "vms/../store/a.qcow2", "vms/b.qcow2"));
  EXPECT_EQ(image("vms/b.qcow2", {"vms"})["state"], "complete");
}

TEST_F(List, refuses_what_headers_name_outside_the_allowed_folders) {
  fs::create_directories("store");
  fs::create_directories("vms");
  make_raw("store/base.raw");
  make_raw("vms/own.raw");
  create_overlay("vms/a.qcow2", "../store/base.raw", "raw");
  create_overlay("vms/b.qcow2", "own.raw", "raw");
  const std::vector<std::string> args = {"--allow", "vms", "vms"};
  EXPECT_THAT(files(args), ElementsAre("vms/a.qcow2", "vms/own.raw", "vms/b.qcow2"));
  EXPECT_THAT(std::string(image("vms/a.qcow2", args)["error"]), HasSubstr("in no folder that --allow names"));
  EXPECT_EQ(image("vms/b.qcow2", args)["state"], "complete");
}

TEST_F(List, an_image_appears_once_by_whatever_names_it_is_reached) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  fs::create_hard_link("a.qcow2", "b.qcow2");
  fs::create_symlink("a.qcow2", "c.qcow2");
  fs::create_directory("below");
  fs::create_directory_symlink("..", "below/up");
  EXPECT_THAT(files({".", "./below", "."}), ElementsAre("./base.raw", "./a.qcow2"));
}

TEST_F(List, an_image_with_several_names_is_listed_by_one_that_leads_to_its_backing_file) {
  fs::create_directory("a");
  fs::create_directory("b");
  make_raw("b/base.raw");
  create_overlay("b/vm.qcow2", "base.raw", "raw");
  fs::create_hard_link("b/vm.qcow2", "a/vm.qcow2");
  const std::vector<std::string> both{"a", "b"};
  EXPECT_EQ(image("b/vm.qcow2", both)["state"], "complete");
  EXPECT_EQ(image("b/base.raw", both)["overlays"].size(), 1U);
  EXPECT_EQ(files(both).size(), 2U) << "nothing is missing";
}

TEST_F(List, names_the_processes_that_have_images_open) {
  make_raw("base.raw");
  create_overlay("a.qcow2", "base.raw", "raw");
  const auto lines = lines_of(must_run(
      {"bash", "-c",
       "coproc qemu-io a.qcow2; echo length >&${COPROC[1]}; read -ru ${COPROC[0]} _; " QCHAIN_BINARY
       " list .; " QCHAIN_BINARY " list --output=json . | tr -d ' \\n'; echo; echo quit >&${COPROC[1]}; wait"}));
  ASSERT_GE(lines.size(), 6U);
  EXPECT_EQ(lines[0], "2 images, 2 in use");
  EXPECT_THAT(lines[3], ContainsRegex("^./base.raw .*  open for reading by pid [0-9]+ \\(qemu-io\\)$"));
  EXPECT_THAT(lines[4], ContainsRegex("^./a.qcow2 .*  open for writing by pid [0-9]+ \\(qemu-io\\)$"));
  EXPECT_THAT(lines[5], ContainsRegex("\"command\":\"qemu-io\",\"access\":\"write\""));
}

TEST_F(List, a_folder_that_is_missing_is_an_error) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"list", "nope"}), "nope: cannot read the folder: No such file"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"list"}), "DIR"));
  EXPECT_EQ(output_of({"list", "."}), "0 images\n");
  EXPECT_EQ(json_of({"list", "--output=json", "."}), json::array());
}

TEST_F(List, a_fifo_is_passed_over_at_once) {
  ASSERT_EQ(::mkfifo("fifo", 0600), 0);
  EXPECT_EQ(output_of({"list", "."}), "0 images\n");
}

TEST_F(List, a_name_of_any_bytes_is_printed_and_encoded) {
  make_raw("base.raw");
  create_overlay("odd\xff\x1b[31m.qcow2", "base.raw", "raw");
  EXPECT_THAT(output_of({"list", "."}), HasSubstr("./odd\xff\\x1b[31m.qcow2"));
  EXPECT_THAT(files(), Contains("./odd\xef\xbf\xbd\x1b[31m.qcow2"));
}

TEST_F(List, a_thousand_images_in_a_folder_take_less_than_a_second_of_the_processor) {
  make_raw("base.raw");
  create_overlay("clone000", "base.raw", "raw");
  create_overlay("chain000", "base.raw", "raw");
  create_overlay("pattern", "chain000", "qcow2");
  const auto name_at = peek_be<std::uint64_t>("pattern", 8);
  for (int i = 1; i < 500; ++i) {
    fs::copy_file("clone000", fmt::format("clone{:03}", i));
    fs::copy_file("pattern", fmt::format("chain{:03}", i));
    poke(fmt::format("chain{:03}", i), name_at, bytes_of(fmt::format("chain{:03}", i - 1)));
  }
  fs::remove("pattern");
  const double before = processor_seconds_of_children();
  const auto lines = lines_of(must_run({QCHAIN_BINARY, "list", "."}));
  const double took = processor_seconds_of_children() - before;
  RecordProperty("seconds", std::to_string(took));
  EXPECT_EQ(lines[0], "1001 images");
  EXPECT_THAT(lines[504], StartsWith("├─ ./clone000 ")) << "after the base and a chain of 500";
  EXPECT_LT(took, 1.0);
}

}  // namespace
}  // namespace qchain::test
