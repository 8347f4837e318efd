#include "sandbox/sandbox.h"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

#include "sandbox/landlock.h"
#include "sandbox/system_calls.h"

namespace qchain::sandbox {
namespace {

#if !defined(__has_feature)  // clang's way to say it
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)
constexpr bool runtime_allows_it = false;
#else
constexpr bool runtime_allows_it = true;
#endif

}  // namespace

Result<Protections> enter(const Needs& needs, Confinement confinement) {
  Protections protections;
  if (confinement == Confinement::off || !runtime_allows_it) {
    return protections;
  }
  ::tzset();  // reads the time zone's file, which dates are printed by
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_errno(errno, "cannot give up new privileges", "");
  }
  protections.no_new_privileges = true;
  protections.landlock = landlock_version();
  if (protections.landlock > 0) {
    QC_TRY(confine_files(needs, protections.landlock));
  }
  protections.system_calls = QC_TRY(confine_system_calls(needs));
  return protections;
}

}  // namespace qchain::sandbox
