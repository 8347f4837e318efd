#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qcow/commit/qcow2/qcow2_base_writer.h"
#include "tests/support/dirty_sectors.h"
#include "tests/support/memory_file.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// How a qcow2 base is made.
struct BaseRecipe {
  std::uint32_t cluster_bits = 16;
  std::uint64_t size = 0;                ///< bytes
  std::string options;                   ///< for qemu-img create -o, without cluster size and data file
  std::optional<std::uint64_t> backing;  ///< size of a backing file, in bytes
  bool has_data_file = false;
  bool has_snapshots = false;
  bool has_compressed = false;
  enum class Bitmaps : std::uint8_t {
    none,
    random,
    clean,  ///< one that records every sector, and has no bit set yet
  };
  Bitmaps bitmaps = Bitmaps::none;
};
[[nodiscard]] BaseRecipe random_recipe(Random& random);

/// A persistent bitmap of a base, and what it calls dirty.
struct KnownBitmap {
  format::Bitmap bitmap;
  DirtySectors sectors;
  [[nodiscard]] bool records() const noexcept { return bitmap.enabled && !bitmap.inconsistent; }
};
using KnownBitmaps = std::vector<KnownBitmap>;
/// All bitmaps of an image file's bytes. Throws std::runtime_error where they can't be read.
[[nodiscard]] KnownBitmaps bitmaps_of(const ByteVector& image);

/// A qcow2 base made by QEMU, with its content; all files are in one folder of its own.
class BaseCase {
 public:
  BaseCase(const BaseRecipe& recipe, Random& random);

  [[nodiscard]] const std::string& image() const noexcept { return image_; }
  [[nodiscard]] const std::string& data_file() const noexcept { return data_; }  ///< empty: none
  [[nodiscard]] bool has_data_file() const noexcept { return !data_.empty(); }
  [[nodiscard]] const std::vector<std::string>& snapshots() const noexcept { return snapshots_; }
  [[nodiscard]] const std::shared_ptr<const View>& below() const noexcept { return below_; }
  /// What a guest reads, and what the snapshots hold.
  [[nodiscard]] const ByteVector& content() const noexcept { return content_; }
  [[nodiscard]] const std::vector<ByteVector>& snapshot_contents() const noexcept { return snapshot_contents_; }

  [[nodiscard]] const KnownBitmaps& bitmaps() const noexcept { return bitmaps_; }

  /// The image file, and the data file if there is one.
  [[nodiscard]] std::vector<ByteVector> disks() const;
  /// The other way round.
  void put(const std::vector<ByteVector>& disks) const;
  [[nodiscard]] std::vector<ByteVector> read_snapshots() const;

 private:
  void make_backing(std::uint64_t size, Random& random);
  void fill(const BaseRecipe& recipe, Random& random);
  void add_bitmaps(Random& random) const;

  TempDir folder_;
  std::string image_;
  std::string data_;
  std::string backing_;
  std::vector<std::string> snapshots_;
  std::shared_ptr<const View> below_;
  ByteVector content_;
  std::vector<ByteVector> snapshot_contents_;
  KnownBitmaps bitmaps_;
};

/// One call of a BaseWriter.
struct Operation {
  enum class Kind : std::uint8_t { write, zero, clone, grow, flush };
  Kind kind = Kind::write;
  Range range;        ///< grow: `length` is the new size
  unsigned salt = 0;  ///< of the bytes
};
using Operations = std::vector<Operation>;
/// Random calls on a disk of `size` bytes that may grow.
[[nodiscard]] Operations random_operations(const BaseRecipe& recipe, Random& random, bool may_grow);
[[nodiscard]] std::string to_string(const Operations& operations);

/// Makes the calls, and a last flush.
[[nodiscard]] Result<void> perform(const Operations& operations, BaseWriter& writer);
/// Does the same to plain bytes.
void perform(const Operations& operations, ByteVector& model);
/// What the bitmaps must be afterwards.
[[nodiscard]] KnownBitmaps perform(const Operations& operations, KnownBitmaps bitmaps);
/// The same bitmaps with the same bits, wherever they lie; what is wrong, or nothing.
[[nodiscard]] std::optional<std::string> difference(const KnownBitmaps& expected, const KnownBitmaps& got);

/// A writer on these storages.
[[nodiscard]] Qcow2WriterSetup setup_of(const SharedWritable& file, const SharedWritable& data_file,
                                        const std::shared_ptr<const View>& below);

}  // namespace qchain::test
