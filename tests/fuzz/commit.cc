// Target: a chain of up to four images is planned for commit, and committed in memory where nothing speaks against it.
// Input: see packed_chain.h.
#include "qcow/commit/commit.h"

#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

#include "tests/commit/crash/sim_machine.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_files.h"
#include "tests/fuzz/packed_chain.h"
#include "tests/support/temp_dir.h"

using namespace qchain;

namespace {

/// What is larger is planned only: the files of a commit are in memory.
constexpr std::uint64_t largest_disk = 1 << 20;

/// The engine asks the system which names mean one file: so the images have names, of empty files.
std::vector<test::SimFile> make_names(const test::TempDir& folder) {
  std::vector<test::SimFile> files;
  for (std::size_t number = 0; number < fuzz::most_images; ++number) {
    const std::string path = folder / fuzz::image_name(number);
    const std::ofstream made(path);
    struct stat status{};
    if (!made || ::stat(path.c_str(), &status) != 0) {
      throw std::runtime_error("can't make " + path);
    }
    files.push_back({.path = path, .identity = {.device = status.st_dev, .inode = status.st_ino}});
  }
  return files;
}

void check_plan(const CommitPlan& plan) {
  using fuzz::require;
  require(plan.view_size == plan.selection.top_layer().image->size(), "a plan is of the top's view");
  require(plan.totals.copied <= plan.view_size, "no more is copied than the view has");
  require(plan.totals.cloned == 0, "files in memory share no blocks");
  require(!plan.selection.overlay() || !plan.backing_name.empty() || !plan.refusals.empty(),
          "an overlay that is left is told where its base is");
}

void commit_and_compare(const std::vector<test::SimFile>& files, const test::Disks& disks,
                        const CommitRequest& request) {
  test::RecordTexts texts;
  test::SimMachine machine(files, disks, texts);
  const std::string active = files.back().path;
  const auto before = machine.read_view(active);
  (void)machine.run_commit(request);
  if (!before) {
    return;
  }
  const auto after = machine.read_view(active);
  fuzz::require(after.has_value(), "the active image is readable after a commit, done or not");
  fuzz::require(*after == *before, "the active image reads as before a commit, done or not");
}

void plan_and_commit(const std::vector<test::SimFile>& files, const test::Disks& disks, const std::string& top) {
  CommitRequest request;
  request.image = files.back().path;
  request.format = ImageFormat::qcow2;
  request.layers.top = top;
  test::RecordTexts texts;
  test::SimMachine machine(files, disks, texts);
  const auto plan = machine.run_plan(request);
  if (!plan) {
    return;
  }
  check_plan(*plan);
  // The machine keeps one record: that of the first file.
  const bool has_record = plan->selection.base_layer().image->storage().identity() == files.front().identity;
  if (has_record && std::max(plan->view_size, plan->base_size) <= largest_disk) {
    commit_and_compare(files, disks, request);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TempDir folder;
  static const std::vector<test::SimFile> names = make_names(folder);
  const auto images = fuzz::unpack_chain(std::as_bytes(std::span(data, size)));
  if (images.size() < 2) {
    return 0;
  }
  const std::vector files(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(images.size()));
  test::Disks disks;
  for (const Bytes image : images) {
    disks.emplace_back(image.begin(), image.end());
  }
  disks.emplace_back();  // no record
  plan_and_commit(files, disks, "");
  if (images.size() > 2) {
    plan_and_commit(files, disks, std::to_string(images.size() - 1));
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  return fuzz::mutate_chain(data, size, max_size, seed);
}
