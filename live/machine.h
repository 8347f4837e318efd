#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "qcow/chain/image.h"
#include "qcow/core/error.h"

/// Commits under a running guest. Everything here stands above one interface, Machine: QMP and libvirt are behind it.
namespace qchain::live {

using Clock = std::chrono::steady_clock;

/// One image of a running disk.
struct DiskLayer {
  std::size_t index = 0;  ///< from the bottom, the base is 1
  std::string file;       ///< as the machine opened it; may hold any bytes
  ImageFormat format = ImageFormat::raw;
  std::string node;       ///< the machine's handle of it: QMP's node of the format, libvirt's "vda[3]"
  std::string file_node;  ///< QMP's node of the file below it; empty with libvirt
};

/// One disk of a running machine, and the images that it reads through.
struct Disk {
  std::string name;                ///< what the user calls it: vda, or the id of a -device or -drive
  std::string device;              ///< QMP: qdev path or drive id; libvirt: the target
  std::string root;                ///< QMP: the node that the device reads: the active image's, or a filter above it
  std::vector<DiskLayer> layers;   ///< bottom first, at least one; the guest writes to the last one
  std::optional<std::string> job;  ///< handle of a block job that is known to be on it

  [[nodiscard]] const DiskLayer& active() const { return layers.back(); }
};

/// Not every machine can do everything.
struct Abilities {
  /// A commit's job waits in Phase::pending until finalize(): what it wrote can be proved before the switch. Otherwise
  /// it goes to Phase::completed by itself, and is proved afterwards.
  bool holds_before_finalize = false;
};

/// Merge the layers above `base`, up to `top`, into `base`.
struct CommitJob {
  std::size_t base = 0;      ///< position in Disk::layers, from 0
  std::size_t top = 0;       ///< position, above base; the last one: an active commit, which ends by pivot() or leave()
  std::string backing_name;  ///< what the header of the layer above the top will name; empty for an active commit
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
};

/// Another base below the layers of a disk: the base's file was replaced by one that reads as all of them.
struct BackingSwitch {
  std::size_t base = 0;   ///< position in Disk::layers
  std::size_t above = 0;  ///< position of the layer that is to be backed by the new file
  std::string empty;      ///< an empty qcow2 image without a backing file, that is put between the two
};

/// Where a job is.
enum class Phase : std::uint8_t {
  running,
  paused,     ///< by an error, such as a full file system, or by somebody else
  ready,      ///< active commit: base and guest are in step; pivot() or leave()
  pending,    ///< all is copied, nothing switched: finalize() or cancel()
  completed,  ///< done, without error. Of a ready job that was left: without a pivot. The disk's layers tell
  failed,     ///< `reason` says why; the chain is as before
  cancelled,  ///< the chain is as before
};

struct JobState {
  std::string job;  ///< handle
  Phase phase = Phase::running;
  std::uint64_t done = 0;   ///< bytes
  std::uint64_t total = 0;  ///< bytes; grows while a guest writes under an active commit
  std::string reason;       ///< of a failure, in the machine's words

  [[nodiscard]] bool is_over() const noexcept { return phase >= Phase::completed; }
};

/// What a machine tells without being asked.
struct Event {
  enum class Kind : std::uint8_t {
    job,      ///< `state` is news of a job
    stopped,  ///< the guest does not run (paused, or an I/O error)
    resumed,
    gone,  ///< the machine is shutting down
  };
  Kind kind = Kind::job;
  JobState state;  ///< `done` and `total` are 0 where the event does not say
};

/// A running machine. Every call but next_event() waits a bounded time for its answer: a machine that is silent is an
/// error in words (timed_out), one that went away is io. Errors of the machine itself are refused, in the user's words
/// where the words of the machine are known, with its own words otherwise. Used by one thread.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  /// For messages and the record: "qmp:/run/vm1.sock", "qemu:///session vm1". The same for the same machine.
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual Abilities abilities() const = 0;
  /// The process that holds the images, where it is known: 0 otherwise.
  [[nodiscard]] virtual pid_t pid() const = 0;

  /// All disks with an image, as they are now.
  [[nodiscard]] virtual Result<std::vector<Disk>> disks() = 0;

  /// Begins a commit; the answer is the job's handle, the same for every commit of this disk. Nothing is dismissed by
  /// itself: a job that is over stays to be asked about until dismiss().
  [[nodiscard]] virtual Result<std::string> start_commit(const Disk& disk, const CommitJob& job) = 0;
  /// The handle that start_commit() would give.
  [[nodiscard]] virtual std::string handle_of(const Disk& disk) const = 0;
  /// A job by its handle, also one of an earlier run; nothing where there is none.
  [[nodiscard]] virtual Result<std::optional<JobState>> job(const std::string& handle) = 0;

  /// The next event, in the order in which they came; nothing when `until` has passed or a stop is asked for. Events
  /// that come while other calls wait for their answer are kept. Errors: io (the machine went away).
  [[nodiscard]] virtual Result<std::optional<Event>> next_event(Clock::time_point until, std::stop_token stop) = 0;

  [[nodiscard]] virtual Result<void> finalize(const std::string& handle) = 0;  ///< pending: switch
  [[nodiscard]] virtual Result<void> pivot(const std::string& handle) = 0;     ///< ready: the disk goes on in base
  [[nodiscard]] virtual Result<void> leave(const std::string& handle) = 0;     ///< ready: end without a pivot
  [[nodiscard]] virtual Result<void> cancel(const std::string& handle) = 0;    ///< any phase: the chain is as before
  /// Of a job that is over; one that is not there is no error.
  [[nodiscard]] virtual Result<void> dismiss(const std::string& handle) = 0;
  [[nodiscard]] virtual Result<void> set_speed(const std::string& handle, std::uint64_t bytes_per_second) = 0;

  /// The guest writes to the overlay from then on. `file`: an absolute name; an empty qcow2 image that is there already
  /// and names the active image as its backing file. No metadata is left anywhere.
  [[nodiscard]] virtual Result<void> snapshot(const Disk& disk, const std::string& file) = 0;
  /// Everything written to the layer so far is in its file and on stable storage.
  [[nodiscard]] virtual Result<void> flush(const DiskLayer& layer) = 0;
  /// Whether switch_backing() would work between these positions; without `above` it is an overlay that snapshot() is
  /// going to put on the active image. Errors: unsupported, refused, locked, with the reason.
  [[nodiscard]] virtual Result<void> can_switch_backing(const Disk& disk, std::size_t base,
                                                        std::optional<std::size_t> above) = 0;
  /// Opens the file of the base's name anew, with the options that the base was opened with, the empty image over it,
  /// and puts both below the layer; its header stays as it is until that image is committed. The guest's requests wait
  /// for some milliseconds. What was below stays open until close(). Cut off half-way it may be called again.
  [[nodiscard]] virtual Result<void> switch_backing(const Disk& disk, const BackingSwitch& how) = 0;
  /// Closes the images of these files, top first, as far as nothing reads through them any more.
  [[nodiscard]] virtual Result<void> close(const std::vector<std::string>& files) = 0;
};

/// The disk that a user names: by its name, its device, its active image or that image's node.
/// Errors: invalid_argument, with the disks there are.
[[nodiscard]] Result<Disk> find_disk(Machine& machine, const std::string& named);

/// Position of the layer that a user names: `3`, `[3]`, `vda[3]`, its file (by any path to it), its node.
/// Errors: invalid_argument, with the layers there are.
[[nodiscard]] Result<std::size_t> find_layer(const Disk& disk, const std::string& named);

}  // namespace qchain::live
