#include "tests/support/dirty_sectors.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <stdexcept>

#include "qcow/chain/dirty_bitmap.h"
#include "qcow/storage/unique_fd.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector = 512;

template <typename T>
T must(Result<T> result) {
  if (!result) {
    throw std::runtime_error(describe(result.error()));
  }
  return *std::move(result);
}

/// qemu-nbd serving an image's bitmap as long as this lives.
class Export {
 public:
  Export(const std::string& image, const std::string& name) {
    must_run({"qemu-nbd", "--fork", "--read-only", "-f", "qcow2", "--bitmap=" + name, "--socket=" + socket(),
              "--pid-file=" + dir_ / "pid", image});
    const ByteVector text = read_file(dir_ / "pid");
    pid_ = std::stoi(std::string(reinterpret_cast<const char*>(text.data()), text.size()));
  }
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
  /// Waits for its end: until then it holds locks.
  ~Export() {
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    ::kill(pid_, SIGTERM);
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    while (process.valid() && ::poll(&ended, 1, -1) < 0 && errno == EINTR) {
    }
  }

  [[nodiscard]] std::string socket() const { return dir_ / "socket"; }

 private:
  TempDir dir_;
  pid_t pid_ = -1;
};

}  // namespace

DirtySectors dirty_sectors(const Image& image, const format::Bitmap& bitmap) {
  DirtyBitmap dirty(must(BitmapData::open(image.storage(), *image.header(), bitmap)), *image.header(),
                    bitmap.granularity);
  DirtySectors sectors(image.size() / sector);
  for (Range rest{0, image.size()}; !rest.empty();) {
    const auto found = must(dirty.next_dirty(rest));
    if (!found) {
      break;
    }
    set_dirty(sectors, *found, sector);
    rest = range_between(found->end(), image.size());
  }
  return sectors;
}

DirtySectors dirty_sectors(const std::string& image, const std::string& name) {
  const Chain chain = must(open_chain(image));
  const Image& active = *chain.active().image;
  for (const format::Bitmap& bitmap : must(active.bitmaps())) {
    if (bitmap.name == name) {
      return dirty_sectors(active, bitmap);
    }
  }
  throw std::runtime_error("no bitmap is named " + name);
}

DirtySectors qemu_dirty_sectors(const std::string& image, const std::string& name) {
  const Export served(image, name);
  const std::string text = qemu_img(
      {"map", "--output=json", "--image-opts",
       "driver=nbd,server.type=unix,server.path=" + served.socket() + ",x-dirty-bitmap=qemu:dirty-bitmap:" + name});
  DirtySectors sectors;
  for (const MapEntry& entry : parse_map(text)) {
    sectors.resize((entry.start + entry.length) / sector, !entry.data);  // QEMU calls dirty what is not data here
  }
  return sectors;
}

void set_dirty(DirtySectors& sectors, Range guest, std::uint64_t granularity) {
  if (guest.empty()) {
    return;
  }
  const std::uint64_t first = align_down(guest.start, granularity) / sector;
  const std::uint64_t end = std::min<std::uint64_t>(align_up(guest.end(), granularity) / sector, sectors.size());
  std::fill(sectors.begin() + static_cast<std::ptrdiff_t>(first), sectors.begin() + static_cast<std::ptrdiff_t>(end),
            true);
}

bool is_within(const DirtySectors& part, const DirtySectors& whole) {
  return part.size() == whole.size() && std::ranges::all_of(std::views::iota(std::size_t{0}, part.size()),
                                                            [&](std::size_t i) { return !part[i] || whole[i]; });
}

}  // namespace qchain::test
