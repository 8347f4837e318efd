#include "tests/commit/crash/crash_case.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

SimFile simulated(const std::string& path, bool shares_blocks) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    throw std::runtime_error("cannot stat " + path);
  }
  return {.path = path,
          .identity = {.device = status.st_dev, .inode = status.st_ino},
          .descriptor = shares_blocks ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : -1};
}

ByteVector must(Result<ByteVector> bytes) {
  if (!bytes) {
    throw std::runtime_error(describe(bytes.error()));
  }
  return *std::move(bytes);
}

}  // namespace

CrashCase::CrashCase(CrashRecipe recipe) : recipe_(std::move(recipe)) {
  make_files();
  load_files();
  work_out_content();
}

CrashCase::~CrashCase() {
  for (const SimFile& file : files_) {
    if (file.descriptor >= 0) {
      ::close(file.descriptor);
    }
  }
}

std::optional<std::size_t> CrashCase::overlay() const {
  return recipe_.merged < recipe_.layers.size() ? std::optional(recipe_.merged + 1) : std::nullopt;
}

CommitRequest CrashCase::request() const {
  CommitRequest request;
  request.threads = 1;  // the same steps in the same order, each time
  request.image = active();
  request.layers.base = base();
  if (overlay()) {
    request.layers.top = layer_path(recipe_.merged);
  }
  return request;
}

std::string CrashCase::old_name() const {
  const std::string name = "l" + std::to_string(recipe_.merged) + ".qcow2";
  return recipe_.absolute_names ? dir_ / name : name;
}

std::string CrashCase::new_name() const {
  const std::string name = recipe_.base_folder + "base." + new_format();
  return recipe_.absolute_names ? dir_ / name : name;
}

std::string CrashCase::layer_path(std::size_t number) const {
  return number == 0 ? dir_ / (recipe_.base_folder + "base." + new_format())
                     : dir_ / ("l" + std::to_string(number) + ".qcow2");
}

void CrashCase::make_base() const {
  const std::string base = layer_path(0);
  std::filesystem::create_directories(std::filesystem::path(base).parent_path());
  if (!recipe_.qcow2_base) {
    make_hole_file(base, recipe_.base_size);
    for (const Range& data : recipe_.base_data) {
      poke(base, data.start, telling_bytes(data.length, 77));
    }
    return;
  }
  const auto& [options, writes, writes_after_snapshot] = *recipe_.qcow2_base;
  create_qcow2(base, {.options = options, .backing = {}, .backing_format = {}, .size = recipe_.base_size});
  qemu_io(base, writes);
  if (!writes_after_snapshot.empty()) {
    qemu_img({"snapshot", "-c", "before", base});
    qemu_io(base, writes_after_snapshot);
  }
}

void CrashCase::make_files() {
  make_base();
  std::string backing = new_name();
  for (std::size_t i = 1; i <= recipe_.layers.size(); ++i) {
    const LayerRecipe& layer = recipe_.layers[i - 1];
    create_qcow2(layer_path(i), {.options = layer.options,
                                 .backing = backing,
                                 .backing_format = i == 1 ? new_format() : "qcow2",
                                 .size = layer.size});
    if (!layer.writes.empty()) {
      qemu_io(layer_path(i), layer.writes);
    }
    backing = recipe_.absolute_names ? layer_path(i) : "l" + std::to_string(i) + ".qcow2";
  }
}

void CrashCase::load_files() {
  for (std::size_t i = 0; i <= recipe_.layers.size(); ++i) {
    files_.push_back(simulated(layer_path(i), recipe_.shares_blocks));
    before_.push_back(read_file(layer_path(i)));
  }
  before_.emplace_back();  // no record
}

void CrashCase::work_out_content() {
  RecordTexts texts;
  SimMachine machine(files_, before_, texts);
  view_ = must(machine.read_view(active()));
  merged_base_ = must(machine.read_view(base(), recipe_.base_format()));
  const ByteVector top = must(machine.read_view(layer_path(recipe_.merged)));
  merged_base_.resize(std::max(merged_base_.size(), top.size()));  // a shorter view leaves the rest as it is
  std::ranges::copy(top, merged_base_.begin());
  if (overlay() && view_.size() > top.size() && *overlay() == recipe_.layers.size()) {
    // … but for what the short top hid from a longer overlay: that must go on reading as zeros.
    std::fill(merged_base_.begin() + static_cast<std::ptrdiff_t>(top.size()),
              merged_base_.begin() + static_cast<std::ptrdiff_t>(std::min(view_.size(), merged_base_.size())),
              std::byte{0});
  }
}

const CrashRecipe& recipe_named(const std::vector<CrashRecipe>& recipes, const std::string& name) {
  const auto found = std::ranges::find(recipes, name, &CrashRecipe::name);
  if (found == recipes.end()) {
    throw std::runtime_error("no recipe is named " + name);
  }
  return *found;
}

}  // namespace qchain::test
