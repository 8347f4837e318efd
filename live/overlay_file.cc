#include "live/overlay_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "qcow/copy/qcow2_writer.h"
#include "qcow/storage/output_file.h"

namespace qchain::live {
namespace {

Result<void> take_owner_and_mode(int descriptor, const Storage& like, const std::string& path) {
  struct stat status{};
  if (::fstat(like.descriptor(), &status) != 0 || ::fchown(descriptor, status.st_uid, status.st_gid) != 0 ||
      ::fchmod(descriptor, status.st_mode & 0777) != 0) {
    return fail_errno(errno, "cannot give it the owner of the image below it", path);
  }
  return {};
}

}  // namespace

Result<RecordedFile> make_overlay(const std::string& path, std::uint64_t size, const std::string& backing_name,
                                  ImageFormat backing_format, const Storage& like,
                                  const std::function<Result<void>(const RecordedFile&)>& announce) {
  const std::unique_ptr<OutputFile> output = QC_TRY(OutputFile::create(path, Existing::refuse));
  Qcow2Shape shape;
  if (!backing_name.empty()) {
    shape.backing = {.name = backing_name, .format = name_of(backing_format)};
  }
  const std::unique_ptr<ImageWriter> writer = QC_TRY(Qcow2Writer::create(output->file(), size, shape));
  QC_TRY(writer->finish());
  QC_TRY(take_owner_and_mode(output->file().descriptor(), like, path));
  RecordedFile made = QC_TRY(recorded_file(output->file().descriptor(), path));
  QC_TRY(announce(made));
  QC_TRY(output->publish());
  return made;
}

}  // namespace qchain::live
