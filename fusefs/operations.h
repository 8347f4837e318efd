#pragma once

#include "fusefs/cold_reads.h"
#include "fusefs/filesystem.h"
#include "fusefs/options.h"

struct fuse_lowlevel_ops;

namespace qchain::fusefs {

/// What libfuse hands back with each request; lives as long as the session.
struct RequestContext {
  FileSystem* files = nullptr;      ///< set before the first request is answered
  ColdReads* cold_reads = nullptr;  ///< null: every read waits in its thread
  Caching caching = Caching::keep;
  std::uint32_t max_read = 0;       ///< bytes
  std::uint32_t max_readahead = 0;  ///< bytes
};

/// libfuse's table of callbacks: each unpacks a request, asks the FileSystem, sends the reply. The session's user data
/// must be a RequestContext.
[[nodiscard]] fuse_lowlevel_ops make_operations();

}  // namespace qchain::fusefs
