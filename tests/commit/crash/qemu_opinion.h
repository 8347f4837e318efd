#pragma once

#include <gtest/gtest.h>

#include "tests/commit/crash/crash_case.h"

namespace qchain::test {

/// Puts a state of the disks into the case's real files and asks QEMU: no corruption in any overlay, and the active
/// image reads as it must. The files are as before when it returns.
[[nodiscard]] testing::AssertionResult qemu_agrees(const CrashCase& crash_case, const Disks& disks);

}  // namespace qchain::test
