#include "live/libvirt/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <thread>

namespace qchain::live {
namespace {

struct Known {
  std::string_view words;  ///< in libvirt's message
  ErrorKind kind;
  std::string_view what;
  std::string_view advice;
};

/// What libvirt 9 says, measured. The first one that fits counts.
constexpr std::array known{
    Known{"already in active block job", ErrorKind::locked, "a job is running on this disk already",
          "wait for it, or end it: virsh blockjob DOMAIN DISK --abort"},
    Known{"beneath", ErrorKind::invalid_argument, "the base is not below the top", "see qchain list"},
    Known{"could not find image", ErrorKind::invalid_argument, "there is no such image in the disk's chain",
          "see qchain list"},
    Known{"could not find backing store index", ErrorKind::invalid_argument,
          "no layer of this index lies there in the disk's chain", "see qchain list"},
    Known{"active layer requires active flag", ErrorKind::invalid_argument, "the top is the active image",
          "say --active"},
    Known{"not found in domain", ErrorKind::invalid_argument, "the domain has no such disk", "see qchain list"},
    Known{"does not have an active block job", ErrorKind::invalid_argument, "no job is running on this disk", ""},
    Known{"domain is not running", ErrorKind::refused, "the domain is not running",
          "commit its images offline: qchain commit IMAGE"},
    Known{"Failed to get \"write\" lock", ErrorKind::locked, "another process has the base open",
          "see qchain info for who it is"},
};

ErrorKind kind_of(int code) {
  switch (code) {
    case VIR_ERR_NO_DOMAIN:
      return ErrorKind::not_found;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_CONFIG_UNSUPPORTED:
      return ErrorKind::unsupported;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_ACCESS_DENIED:
      return ErrorKind::permission;
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_INTERNAL_ERROR:
    case VIR_ERR_RPC:
    case VIR_ERR_NO_CONNECT:
      return ErrorKind::io;
    default:
      return ErrorKind::refused;
  }
}

Result<Connection> connect_at_leisure(const std::string& uri) {
  Connection connection(::virConnectOpen(uri.empty() ? nullptr : uri.c_str()));
  if (!connection) {
    Error error = libvirt_error("cannot connect").in(uri.empty() ? "libvirt" : uri);  // of this thread
    if (error.advice.empty()) {
      error.advice = "try virsh -c URI list: is the URI right, and does its daemon run?";
    }
    return std::unexpected(std::move(error));
  }
  constexpr int interval = 5;  // seconds
  constexpr unsigned missed = 3;
  ::virConnectSetKeepAlive(connection.get(), interval, missed);
  return connection;
}

}  // namespace

/// Libvirt has no limit of its own before there is a connection that could be kept alive: in a thread that is left
/// behind where it comes to nothing. Should it come to something later, the connection is closed.
Result<Connection> connect(const std::string& uri, std::chrono::milliseconds limit) {
  std::packaged_task<Result<Connection>()> task([uri] { return connect_at_leisure(uri); });
  std::future<Result<Connection>> connected = task.get_future();
  std::thread(std::move(task)).detach();
  if (connected.wait_for(limit) != std::future_status::ready) {
    const auto seconds = std::chrono::duration<double>(limit).count();
    return std::unexpected(make_error(ErrorKind::io, fmt::format("libvirt does not answer in {:.3g} seconds", seconds))
                               .in(uri.empty() ? "libvirt" : uri)
                               .because(ETIMEDOUT)
                               .advise("look whether its daemon hangs; guests run on without it"));
  }
  return connected.get();
}

Error libvirt_error(std::string_view what, int code, std::string_view message) {
  const auto* const found = std::ranges::find_if(known, [&](const Known& one) { return message.contains(one.words); });
  if (found != known.end()) {
    return make_error(found->kind, fmt::format("{}: {}", what, found->what)).advise(found->advice);
  }
  return make_error(kind_of(code), fmt::format("{}: libvirt says: {}", what, message));
}

Error libvirt_error(std::string_view what) {
  const virError* const last = ::virGetLastError();
  const char* const message = last != nullptr ? last->message : nullptr;
  return libvirt_error(what, last != nullptr ? last->code : 0, message != nullptr ? message : "no reason");
}

}  // namespace qchain::live
