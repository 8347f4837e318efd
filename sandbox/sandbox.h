#pragma once

#include <cstdint>
#include <optional>

#include "qcow/core/error.h"

/// What a process that reads untrusted images gives up as soon as its files are open: a defect that an image can make
/// use of shall not lead to other files, programs or the network.
namespace qchain::sandbox {

/// What there is still to do.
enum class Duty : std::uint8_t {
  read,   ///< to read open files, and write to standard output and error
  copy,   ///< to write to an open file, too, and to give it its name
  serve,  ///< to answer the kernel's FUSE requests
};

struct Needs {
  Duty duty = Duty::read;
  int output_folder = -1;  ///< copy: descriptor of the folder in which names are made; not owned. -1: none
};

/// What is in force; what the kernel does not have is off.
struct Protections {
  bool no_new_privileges = false;  ///< no set-user-id program gives rights
  int landlock = 0;                ///< version of Landlock's interface; 0: files are not guarded by it
  bool system_calls = false;       ///< only those of a fixed list are answered (seccomp); the rest give EPERM
};

/// Off is for looking for defects: a debugger, a profiler or a tracer inside may need what is given up.
enum class Confinement : std::uint8_t { on, off };

/// Gives up for good what `needs` does not name: opening files and folders, starting programs, the network, signals to
/// others. Binds the calling thread and those it will start; the system calls are refused to all threads of the
/// process, but with Duty::serve, where a thread that only waits for the mount to answer ends soon. Call it before
/// threads are started that read images. A sanitizer's runtime opens files and traces threads: nothing is given up in
/// such builds. Errors: io, where the kernel has a protection and refuses to put it in force; some may be then.
[[nodiscard]] Result<Protections> enter(const Needs& needs, Confinement confinement);

}  // namespace qchain::sandbox
