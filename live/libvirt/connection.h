#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "qcow/core/error.h"

namespace qchain::live {

struct CloseConnection {
  void operator()(virConnectPtr connection) const noexcept { ::virConnectClose(connection); }
};
struct FreeDomain {
  void operator()(virDomainPtr domain) const noexcept { ::virDomainFree(domain); }
};
/// A text that libvirt made for its caller.
struct FreeText {
  void operator()(char* text) const noexcept { std::free(text); }
};
using Connection = std::unique_ptr<virConnect, CloseConnection>;
using DomainHandle = std::unique_ptr<virDomain, FreeDomain>;
using LibvirtText = std::unique_ptr<char, FreeText>;

/// Connects, waiting for the daemon no longer than `limit`. Afterwards one that is silent for 20 seconds counts as
/// gone, as far as an EventLoop turns, which must be there before. `uri` empty: libvirt's default. Errors: io
/// (ETIMEDOUT where it is silent), permission.
[[nodiscard]] Result<Connection> connect(const std::string& uri, std::chrono::milliseconds limit);

/// Libvirt's last error in this thread as ours: in the user's words where libvirt's are known, else in its own.
/// `what`: what was tried, as "cannot begin the commit".
[[nodiscard]] Error libvirt_error(std::string_view what);

/// The same of an error that libvirt gave by code and words.
[[nodiscard]] Error libvirt_error(std::string_view what, int code, std::string_view message);

}  // namespace qchain::live
