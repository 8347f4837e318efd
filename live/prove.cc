#include "live/prove.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "live/disk_chain.h"
#include "qcow/chain/view.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {
namespace {

/// Everything that was written to the layer is on stable storage, by whatever way the machine writes.
Result<void> make_durable(Machine& machine, const DiskLayer& layer) {
  const UniqueFd fd(::open(layer.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const auto sync = [&]() -> Result<void> {
    return fd.valid() && ::fdatasync(fd.get()) == 0 ? Result<void>{}
                                                    : fail_errno(errno, "cannot write to stable storage", layer.file);
  };
  // This may take a minute: the guest, and the machine's monitor, would wait for the machine's own flush.
  QC_TRY(sync());
  QC_TRY(machine.flush(layer));
  return sync();  // with cache=unsafe the machine's flush does nothing
}

/// Whether the chain's layer at position `base` reads as the one at `top`, as far as that reaches.
Result<bool> prove_in(Context& context, const Chain& chain, std::size_t base, std::size_t top) {
  const Stopwatch time(context.report.times.verify);
  const ViewCaches caches;
  const View merged({.chain = chain, .base = 0, .top = top}, caches);
  const View below({.chain = chain, .base = 0, .top = base}, caches);
  CompareOptions options;
  options.length = merged.size();  // a base longer than the view keeps its tail
  options.progress = context.around.verify_progress;
  options.stop = context.around.stop;
  context.report.comparison = QC_TRY(compare(merged, below, options));
  return context.report.comparison.same();
}

Error not_compared(const Error& cause, const CommitRecord& record) {
  return Error(cause)
      .in(record.base.path)
      .advise(
          "the guest reads through it already, and it is not compared with the layers yet: run the same command "
          "again, and keep them");
}

Error they_differ(const Comparison& found, const CommitRecord& record) {
  return make_error(ErrorKind::corrupt, fmt::format("differs from the layers merged into it in {} bytes, the first at "
                                                    "{}",
                                                    found.different, found.first_difference->start))
      .in(record.base.path)
      .advise(
          "they still hold the truth, delete none of them: shut the guest down and copy what it can't do without "
          "from them");
}

}  // namespace

Result<bool> prove_merged(Context& context, const Disk& disk, const Places& places) {
  QC_TRY(make_durable(context.machine(), disk.layers[places.base]));
  // Opened anew, as the base may have grown.
  return prove_in(context, QC_TRY(open_disk_chain(disk)), places.base, places.top);
}

Result<void> prove_switched(Context& context, const Disk& after, std::size_t base) {
  QC_TRY(make_durable(context.machine(), after.layers[base]));
  FileGate gate(Locking::none);
  const Chain chain = QC_TRY(Chain::open(context.record().merged.back().path, gate, {.format = ImageFormat::qcow2}));
  const auto proved = prove_in(context, chain, base, chain.depth() - 1);
  if (!proved) {
    return std::unexpected(not_compared(proved.error(), context.record()));
  }
  return *proved ? Result<void>{} : std::unexpected(they_differ(context.report.comparison, context.record()));
}

}  // namespace qchain::live
