#pragma once

/// libfuse's low-level header, with the version of its interface said in one place.
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
