#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/commit/crash/sim_machine.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// A layer of a small chain: how qemu-img makes it, and what qemu-io does to it.
struct LayerRecipe {
  std::string options;
  std::vector<std::string> writes;
  std::optional<std::uint64_t> size;  ///< bytes; else as long as what lies under it
};

/// A qcow2 base: made by qemu-img, then written by qemu-io, a snapshot taken, and written again.
struct Qcow2BaseRecipe {
  std::string options;
  std::vector<std::string> writes;
  std::vector<std::string> writes_after_snapshot;  ///< empty: no internal snapshot
};

/// A small chain, and which of its layers are merged into its base.
struct CrashRecipe {
  std::string name;
  std::uint64_t base_size = 0;
  std::vector<Range> base_data;     ///< of a raw base
  std::vector<LayerRecipe> layers;  ///< bottom first
  std::size_t merged = 1;           ///< so many of the layers
  std::string base_folder{};        ///< "deep/er/" seen from the layers' folder: makes the base's name long
  bool absolute_names = false;
  bool shares_blocks = false;
  std::optional<Qcow2BaseRecipe> qcow2_base{};  ///< else the base is raw

  [[nodiscard]] ImageFormat base_format() const { return qcow2_base ? ImageFormat::qcow2 : ImageFormat::raw; }
};

/// The recipes of all crash tests.
[[nodiscard]] std::vector<CrashRecipe> crash_recipes();
[[nodiscard]] const CrashRecipe& recipe_named(const std::vector<CrashRecipe>& recipes, const std::string& name);

/// A chain made by qemu-img, read into memory, and what a commit of it must give.
class CrashCase {
 public:
  explicit CrashCase(CrashRecipe recipe);
  CrashCase(const CrashCase&) = delete;
  CrashCase& operator=(const CrashCase&) = delete;
  ~CrashCase();

  [[nodiscard]] const CrashRecipe& recipe() const noexcept { return recipe_; }
  [[nodiscard]] const std::vector<SimFile>& files() const noexcept { return files_; }
  [[nodiscard]] const Disks& before() const noexcept { return before_; }
  [[nodiscard]] const std::string& active() const noexcept { return files_.back().path; }
  [[nodiscard]] const std::string& base() const noexcept { return files_.front().path; }
  /// Number of the file that is relinked; none where all layers are merged.
  [[nodiscard]] std::optional<std::size_t> overlay() const;
  [[nodiscard]] CommitRequest request() const;

  /// What a guest reads, before and after.
  [[nodiscard]] const ByteVector& view() const noexcept { return view_; }
  /// What the base reads as when the commit is done.
  [[nodiscard]] const ByteVector& merged_base() const noexcept { return merged_base_; }
  [[nodiscard]] std::string old_name() const;
  [[nodiscard]] std::string new_name() const;
  [[nodiscard]] std::string new_format() const { return recipe_.qcow2_base ? "qcow2" : "raw"; }

 private:
  void make_base() const;
  void make_files();
  void load_files();
  void work_out_content();
  [[nodiscard]] std::string layer_path(std::size_t number) const;

  CrashRecipe recipe_;
  TempDir dir_;
  std::vector<SimFile> files_;
  Disks before_;
  ByteVector view_;
  ByteVector merged_base_;
};

}  // namespace qchain::test
