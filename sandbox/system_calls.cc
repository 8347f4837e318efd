#include "sandbox/system_calls.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>

namespace qchain::sandbox {
namespace {

constexpr int cachestat = 451;  ///< since Linux 6.5; newer than libseccomp's names

/// Any use of these is harmless, or concerns files that are open: an image is open for reading only.
constexpr std::initializer_list<int> always = {
    // reading, and what is printed
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(lseek),
    SCMP_SYS(fadvise64), SCMP_SYS(readahead), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(fstat), SCMP_SYS(fstatfs),
    SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(io_uring_enter),
    // memory
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mincore), cachestat, SCMP_SYS(brk),
    SCMP_SYS(getrandom),
    // threads and time
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(geteuid), SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(wait4),
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

constexpr std::initializer_list<int> for_copy = {SCMP_SYS(pwrite64),  SCMP_SYS(pwritev), SCMP_SYS(ftruncate),
                                                 SCMP_SYS(fallocate), SCMP_SYS(fsync),   SCMP_SYS(fdatasync)};

/// Replies without copying; reads that are put off.
constexpr std::initializer_list<int> for_serving = {SCMP_SYS(splice),    SCMP_SYS(vmsplice),     SCMP_SYS(tee),
                                                    SCMP_SYS(io_submit), SCMP_SYS(io_getevents), SCMP_SYS(io_destroy)};

/// The filter while it is made. The first thing that the library refuses stays the answer.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) {
      note(::seccomp_rule_add(context_.get(), SCMP_ACT_ALLOW, call, 0));
    }
  }
  /// All `conditions` hold at once.
  void allow(int call, std::initializer_list<scmp_arg_cmp> conditions) {
    note(::seccomp_rule_add_array(context_.get(), SCMP_ACT_ALLOW, call, static_cast<unsigned>(conditions.size()),
                                  conditions.begin()));
  }
  void answer(int call, int error) { note(::seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(error), call, 0)); }
  void bind_all_threads() { note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1)); }

  /// 0, or a negated errno.
  [[nodiscard]] int load() {
    note(context_ ? ::seccomp_load(context_.get()) : -ENOMEM);
    return failure_;
  }

 private:
  struct Release {
    void operator()(void* context) const noexcept { ::seccomp_release(context); }
  };
  void note(int result) noexcept { failure_ = failure_ == 0 && result < 0 ? result : failure_; }

  std::unique_ptr<void, Release> context_;
  int failure_ = 0;
};

scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return SCMP_CMP64(argument, SCMP_CMP_EQ, value);
}
scmp_arg_cmp has(unsigned argument, std::uint64_t bits) {
  return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, bits);
}
scmp_arg_cmp lacks(unsigned argument, std::uint64_t bits) {
  return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, 0);
}
/// A descriptor is an int: the upper half of the register may hold anything.
scmp_arg_cmp is_descriptor(unsigned argument, int descriptor) {
  return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, 0xffff'ffff, static_cast<std::uint32_t>(descriptor));
}

void allow_with_care(Filter& filter) {
  filter.allow(always);
  filter.allow(SCMP_SYS(mmap), {lacks(2, PROT_EXEC)});
  filter.allow(SCMP_SYS(mprotect), {lacks(2, PROT_EXEC)});
  filter.allow(SCMP_SYS(clone), {has(0, CLONE_THREAD | CLONE_VM)});  // a thread, never a process
  filter.answer(SCMP_SYS(clone3), ENOSYS);                           // its flags can't be seen; glibc then takes clone
  filter.allow(SCMP_SYS(tgkill), {is(0, static_cast<std::uint64_t>(::getpid()))});
  filter.allow(SCMP_SYS(newfstatat), {has(3, AT_EMPTY_PATH)});  // fstat()
  filter.allow(SCMP_SYS(sendto), {is(4, 0)});                   // syslog, whose socket is connected
}

void allow_copy(Filter& filter, int folder) {
  filter.allow(for_copy);
  for (const unsigned long request : {FICLONE, FICLONERANGE, FS_IOC_FIEMAP}) {
    filter.allow(SCMP_SYS(ioctl), {is(1, request)});
  }
  if (folder >= 0) {  // what a name in this folder means, absolute or not, only Landlock can see
    filter.allow(SCMP_SYS(linkat), {is_descriptor(2, folder)});
    filter.allow(SCMP_SYS(renameat2), {is_descriptor(0, folder), is_descriptor(2, folder)});
    filter.allow(SCMP_SYS(renameat), {is_descriptor(0, folder), is_descriptor(2, folder)});
    filter.allow(SCMP_SYS(unlinkat), {is_descriptor(0, folder), is(2, 0)});
  }
}

bool has_no_filters(int error) {
  return error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP;
}

}  // namespace

Result<bool> confine_system_calls(const Needs& needs) {
  Filter filter;
  allow_with_care(filter);
  if (needs.duty == Duty::copy) {
    allow_copy(filter, needs.output_folder);
  }
  if (needs.duty == Duty::serve) {
    filter.allow(for_serving);
  } else {
    filter.bind_all_threads();
  }
  const int loaded = filter.load();
  if (has_no_filters(loaded)) {
    return false;
  }
  if (loaded < 0) {
    return fail_errno(-loaded, "cannot enter the sandbox (seccomp)", "");
  }
  return true;
}

}  // namespace qchain::sandbox
