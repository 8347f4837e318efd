#include "live/live_snapshot.h"

#include <unistd.h>

#include <filesystem>

#include "live/disk_chain.h"
#include "live/overlay_file.h"
#include "qcow/chain/reference.h"
#include "qcow/commit/settled.h"

namespace qchain::live {

Result<LiveSnapshot> take_live_snapshot(Machine& machine, const std::string& disk_name, const std::string& overlay) {
  const Disk disk = QC_TRY(find_disk(machine, disk_name));
  const Chain chain = QC_TRY(open_disk_chain(disk));
  LiveSnapshot taken;
  taken.overlay = std::filesystem::absolute(overlay).lexically_normal().string();
  QC_TRY(check_settled(chain, taken.overlay));
  const Layer& active = chain.active();
  const auto style = active.backing_reference ? style_of(*active.backing_reference) : ReferenceStyle::relative;
  taken.backing_name = QC_TRY(reference_to(active.image->storage(), taken.overlay, style));
  taken.backing_format = active.image->format();
  taken.size = active.image->size();
  const RecordedFile made =
      QC_TRY(make_overlay(taken.overlay, taken.size, taken.backing_name, taken.backing_format, active.image->storage(),
                          [](const RecordedFile&) -> Result<void> { return {}; }));
  if (auto done = machine.snapshot(disk, taken.overlay); !done) {
    const auto now = find_disk(machine, disk.name);
    if (now && identity_of(now->active().file) != made.identity) {
      ::unlink(taken.overlay.c_str());
    }
    return std::unexpected(std::move(done).error());
  }
  return taken;
}

}  // namespace qchain::live
