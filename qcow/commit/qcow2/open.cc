#include <fmt/format.h>

#include <algorithm>

#include "qcow/chain/qcow2_image.h"
#include "qcow/commit/qcow2/writer.h"

namespace qchain {
namespace qcow2_base {
namespace {

constexpr std::uint64_t known_autoclear = format::autoclear_bitmaps | format::autoclear_raw_data_file;
constexpr std::uint64_t snapshot_entry_size = 40;  ///< the fixed part
constexpr std::string_view repair = "run `qemu-img check -r all` on it first";

Result<void> check_flags(const format::Header& header) {
  if (header.has(format::Incompatible::corrupt)) {
    return std::unexpected(make_error(ErrorKind::refused, "image is marked corrupt").advise(repair));
  }
  if (header.has(format::Incompatible::dirty)) {
    return std::unexpected(
        make_error(ErrorKind::refused, "image is marked dirty: its refcounts cannot be trusted").advise(repair));
  }
  if (header.has(format::Incompatible::data_file) && header.snapshot_count != 0) {
    return fail(ErrorKind::unsupported, "internal snapshots together with an external data file");
  }
  return {};
}

Result<void> check_data_file(const Qcow2WriterSetup& setup) {
  if (setup.header.has(format::Incompatible::data_file) == (setup.data_file != nullptr)) {
    return {};
  }
  return fail(ErrorKind::invalid_argument,
              setup.data_file ? "image does not have an external data file" : "the external data file is missing");
}

Qcow2Image reader_of(const Qcow2WriterSetup& setup) {
  return {setup.header, setup.file, setup.data_file};
}

}  // namespace

Qcow2BaseWriter::Qcow2BaseWriter(Qcow2WriterSetup setup)
    : setup_(std::move(setup)),
      header_(setup_.header),
      file_(setup_.file),
      data_file_(setup_.data_file ? std::make_unique<GrowingFile>(setup_.data_file) : nullptr),
      data_(data_file_ ? *data_file_ : file_),
      header_sector_(file_),
      metadata_(header_.cluster_bits),
      refcounts_(header_, file_, metadata_, setup_.file_limit, setup_.table_budget),
      mapping_(header_, file_, refcounts_, metadata_, frees_, setup_.table_budget),
      checkpoint_(file_, data_, header_sector_, refcounts_, mapping_, frees_),
      bitmaps_(header_, setup_, file_, refcounts_, metadata_) {}

Result<void> Qcow2BaseWriter::open() {
  QC_TRY(check_flags(header_));
  QC_TRY(check_data_file(setup_));
  QC_TRY(header_sector_.read());
  metadata_.know({0, header_.cluster_size()});
  QC_TRY(refcounts_.read_table());
  QC_TRY(mapping_.read_l1());
  QC_TRY(learn_snapshots());
  QC_TRY(bitmaps_.learn());
  if (setup_.grows_to > header_.virtual_size) {
    QC_TRY(check_growth(setup_.grows_to));
  }
  if (!metadata_.settle()) {
    return std::unexpected(make_error(ErrorKind::corrupt, "two metadata tables overlap").advise(repair));
  }
  // Where there is nothing, tables would be written: a file of any length, and of none of what it had.
  if (metadata_.end() > align_up(file_.end(), header_.cluster_size())) {
    return std::unexpected(
        make_error(ErrorKind::corrupt, "a metadata table lies past the end of the file").advise(repair));
  }
  return refcounts_.find_end();
}

Result<void> Qcow2BaseWriter::learn_snapshots() {
  if (header_.snapshot_count == 0) {
    return {};
  }
  metadata_.know({header_.snapshots_offset, header_.snapshot_count * snapshot_entry_size});
  std::uint64_t room = file_.end();  // tables that don't overlap can't be longer than the file: bounds what is kept
  for (const format::Snapshot& snapshot : QC_TRY(reader_of(setup_).snapshots())) {
    const std::uint64_t length = snapshot.l1_entries * sizeof(std::uint64_t);
    const bool fits_file = length <= room && fits(snapshot.l1_offset, length, file_.end());
    if (length > format::max_l1_bytes || !fits_file || !is_aligned(snapshot.l1_offset, header_.cluster_size())) {
      return fail(ErrorKind::corrupt,
                  fmt::format("snapshot '{}': L1 table is not where one can be", printable(snapshot.name)));
    }
    metadata_.know({snapshot.l1_offset, length});
    room -= length;
  }
  return {};
}

/// Features that we don't know are told that the image changes without them, and bitmaps that they are behind.
Result<void> Qcow2BaseWriter::before_first_write() {
  if (may_write_) {
    return {};
  }
  may_write_ = true;
  if ((header_.autoclear & ~known_autoclear) != 0) {
    header_.autoclear &= known_autoclear;
    header_sector_.set_autoclear(header_.autoclear);
    QC_TRY(header_sector_.write());
    // After a crash no write may be there that the bits, still set, deny.
    QC_TRY(file_.sync());
  }
  QC_TRY(bitmaps_.mark_recording());
  // Nor one that a bitmap, still consistent, denies.
  return file_.sync();
}

}  // namespace qcow2_base

Result<std::unique_ptr<BaseWriter>> open_qcow2_writer(Qcow2WriterSetup setup) {
  const std::string name = setup.file->name();
  auto writer = std::make_unique<qcow2_base::Qcow2BaseWriter>(std::move(setup));
  QC_TRY_IN(name, writer->open());
  return std::unique_ptr<BaseWriter>(std::move(writer));
}

}  // namespace qchain
