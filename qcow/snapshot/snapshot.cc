#include "qcow/snapshot/snapshot.h"

#include <sys/stat.h>

#include <memory>

#include "qcow/chain/reference.h"
#include "qcow/commit/settled.h"
#include "qcow/copy/output_name.h"
#include "qcow/copy/qcow2_writer.h"

namespace qchain {
namespace {

Result<Chain> open_unwritten(const SnapshotRequest& request) {
  FileGate gate(Locking::shared_read);
  Result<Chain> chain = Chain::open(request.image, gate, {.format = request.format});
  if (!chain && chain.error().kind == ErrorKind::locked) {
    return std::unexpected(std::move(chain).error().advise(
        "a running guest's QEMU has to make the snapshot (virsh snapshot-create-as --disk-only, or QMP's "
        "blockdev-snapshot-sync); else end that process first"));
  }
  return chain;
}

/// A relative reference would mean one file by the link and another by what it leads to.
Result<void> refuse_link(const std::string& overlay) {
  struct stat status{};
  if (::lstat(overlay.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    return std::unexpected(make_error(ErrorKind::refused, "is a symbolic link")
                               .in(overlay)
                               .advise("give the name of the file itself, or choose another name"));
  }
  return {};
}

Result<std::uint64_t> overlay_size(const SnapshotRequest& request, const Image& image) {
  const std::uint64_t wanted = request.size.value_or(image.size());
  if (wanted > format::max_virtual_size) {
    return std::unexpected(make_error(ErrorKind::limit, "larger than the longest disk").in(request.overlay));
  }
  return align_up(wanted, format::sector);
}

/// An absolute name is kept as the user wrote it, links and all.
Result<std::string> backing_name(const SnapshotRequest& request, const Storage& image) {
  if (request.image.starts_with('/')) {
    return request.image;
  }
  return reference_to(image, request.overlay, ReferenceStyle::relative);
}

Result<void> write_overlay(const SnapshotRequest& request, const SnapshotReport& report) {
  const std::unique_ptr<OutputFile> output = QC_TRY(OutputFile::create(request.overlay, request.existing));
  if (output->device_size()) {
    return std::unexpected(make_error(ErrorKind::refused, "is a block device")
                               .in(request.overlay)
                               .advise("an overlay is made as a file: give the name of one"));
  }
  const Qcow2Shape shape{.cluster_bits = request.cluster_bits,
                         .backing = {{.name = report.backing_name, .format = name_of(report.backing_format)}}};
  const std::unique_ptr<ImageWriter> writer = QC_TRY(Qcow2Writer::create(output->file(), report.size, shape));
  QC_TRY(writer->finish());
  return output->publish();
}

}  // namespace

Result<SnapshotReport> take_snapshot(const SnapshotRequest& request) {
  const Chain chain = QC_TRY(open_unwritten(request));
  QC_TRY(check_settled(chain, request.overlay));
  QC_TRY(check_output_name(request.overlay, chain));
  QC_TRY(refuse_link(request.overlay));
  const Image& image = *chain.active().image;
  SnapshotReport report{.size = QC_TRY(overlay_size(request, image)),
                        .cluster_size = std::uint64_t{1} << request.cluster_bits,
                        .backing_name = QC_TRY(backing_name(request, image.storage())),
                        .backing_format = image.format()};
  QC_TRY(write_overlay(request, report));
  return report;
}

}  // namespace qchain
