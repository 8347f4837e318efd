#include "qcow/copy/copy_to_file.h"

#include <optional>

#include "qcow/copy/output_name.h"
#include "qcow/copy/qcow2_writer.h"
#include "qcow/copy/raw_writer.h"

namespace qchain {
namespace {

Result<std::unique_ptr<ImageWriter>> make_writer(const OutputFile& output, ImageFormat format,
                                                 std::uint64_t guest_size) {
  const std::optional<std::uint64_t> device_size = output.device_size();
  if (!device_size) {
    return format == ImageFormat::raw ? RawWriter::create(output.file(), guest_size)
                                      : Qcow2Writer::create(output.file(), guest_size);
  }
  if (format != ImageFormat::raw) {
    return std::unexpected(make_error(ErrorKind::refused, "only raw can be written to a block device")
                               .in(output.file().name())
                               .advise("add --format=raw"));
  }
  return DeviceWriter::create(output.file(), *device_size, guest_size);
}

/// What the user finds where the copy should be.
Error with_aftermath(Error error, const OutputFile& output) {
  if (error.kind == ErrorKind::interrupted) {
    error.advice = output.device_size() ? "the device holds a part of the copy" : "no output was made";
  }
  return std::move(error).in(output.file().name());
}

}  // namespace

Result<CopyTotals> copy_to_file(const View& view, const CopyTarget& target, const CopyOptions& options) {
  QC_TRY(check_output_name(target.path, view.slice().chain));
  const std::unique_ptr<OutputFile> output = QC_TRY(OutputFile::create(target.path, target.existing));
  const PastCache past(view);  // before `opened`: afterwards no file may be opened any more
  CopyOptions how = options;
  how.past = &past;
  if (target.opened) {
    QC_TRY(target.opened(*output));
  }
  const std::unique_ptr<ImageWriter> writer = QC_TRY(make_writer(*output, target.format, view.size()));
  Result<CopyTotals> totals = copy_view(view, *writer, how);
  if (!totals) {
    return std::unexpected(with_aftermath(std::move(totals).error(), *output));
  }
  QC_TRY(output->publish());
  return totals;
}

}  // namespace qchain
