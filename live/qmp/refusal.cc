#include "live/qmp/refusal.h"

#include <array>

namespace qchain::live::qmp {
namespace {

struct Known {
  std::string_view part;  ///< of QEMU's text
  ErrorKind kind;
  std::string_view what;
  std::string_view advice;
};

constexpr std::string_view job_there = "another block job is on the disk";
constexpr std::string_view end_that_job =
    "wait for its end, or cancel it (virsh blockjob --abort, or QMP's job-cancel)";
constexpr std::string_view chain_changed = "its chain changed just now";
constexpr std::string_view again = "run the command again";

/// Seen with QEMU 7.2. The first that fits counts.
constexpr std::array known{
    Known{"Need a root block node", ErrorKind::locked, job_there, end_that_job},
    Known{"block device is in use by block job", ErrorKind::locked, job_there, end_that_job},
    Known{"Cannot replace implicit backing child", ErrorKind::locked, job_there, end_that_job},
    Known{"Job ID '", ErrorKind::locked, "a job of that name is there already", "wait for its end, or dismiss it"},
    Known{"Failed to get \"write\" lock", ErrorKind::locked, "another process has the base open",
          "end that process first, or let it use a copy"},
    Known{"Failed to get shared \"write\" lock", ErrorKind::locked, "another process writes to the image",
          "end that process first"},
    Known{"is not in this backing file chain", ErrorKind::invalid_argument, "the base does not lie below the top",
          "indexes count from the bottom: the base is 1"},
    Known{"cannot commit an image into itself", ErrorKind::invalid_argument, "base and top are the same layer",
          "qchain list shows the layers"},
    Known{"Cannot find device=", ErrorKind::refused, chain_changed, again},
    Known{"Top image file", ErrorKind::refused, chain_changed, again},
    Known{"node is used as backing hd of", ErrorKind::refused, "an image hangs on it in QEMU",
          "its chain may have changed just now; or a commit was cut off at its end: run that once more, it closes what "
          "it "
          "left open"},
    Known{"'top' is the active layer", ErrorKind::refused, chain_changed, again},
    Known{"is read-only", ErrorKind::refused, "QEMU holds the base so that it can't write to it",
          "start the guest without force-share or locking=off on the base"},
    Known{"Operation not permitted", ErrorKind::permission, "QEMU may not write to the base",
          "look at its owner, mode and attributes (lsattr)"},
    Known{"Permission denied", ErrorKind::permission, "QEMU may not open the file",
          "it runs as another user: look at the file's owner and mode, and those of its folders"},
    Known{"No space left on device", ErrorKind::no_space, "the base's file system is full",
          "make room and run the command again"},
    Known{"No such file or directory", ErrorKind::not_found, "QEMU does not find the file",
          "it may see other folders than this process (a container, another machine)"},
    Known{"cannot accept command verb", ErrorKind::refused, "the job is not where that can be done", again},
};

}  // namespace

bool is_missing(const Refusal& refusal) noexcept {
  return refusal.error_class == "DeviceNotFound" || refusal.error_class == "DeviceNotActive" ||
         refusal.text == "Job not found" || refusal.text.starts_with("Failed to find node");
}

bool is_in_use(const Refusal& refusal) noexcept {
  return refusal.text.contains("is in use") || refusal.text.contains("is busy: node is used as");
}

Error in_users_words(const Refusal& refusal, const std::string& machine) {
  if (refusal.error_class == "CommandNotFound") {
    return make_error(ErrorKind::unsupported, "this QEMU is too old: " + refusal.text)
        .in(machine)
        .advise("qchain is tested with QEMU 7.2");
  }
  for (const Known& words : known) {
    if (refusal.text.contains(words.part)) {
      return make_error(words.kind, std::string(words.what) + " (QEMU: " + refusal.text + ")")
          .in(machine)
          .advise(words.advice);
    }
  }
  if (is_missing(refusal)) {
    return make_error(ErrorKind::refused, "its disks changed just now (QEMU: " + refusal.text + ")")
        .in(machine)
        .advise("run the command again");
  }
  return make_error(ErrorKind::refused, "QEMU refuses: " + refusal.text).in(machine);
}

}  // namespace qchain::live::qmp
