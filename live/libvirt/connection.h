#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string_view>

#include "qcow/core/error.h"

namespace qchain::live {

struct CloseConnection {
  void operator()(virConnectPtr connection) const noexcept { ::virConnectClose(connection); }
};
struct FreeDomain {
  void operator()(virDomainPtr domain) const noexcept { ::virDomainFree(domain); }
};
using Connection = std::unique_ptr<virConnect, CloseConnection>;
using DomainHandle = std::unique_ptr<virDomain, FreeDomain>;

/// Libvirt's last error in this thread as ours: in the user's words where libvirt's are known, else in its own.
/// `what`: what was tried, as "cannot begin the commit".
[[nodiscard]] Error libvirt_error(std::string_view what);

/// The same of an error that libvirt gave by code and words.
[[nodiscard]] Error libvirt_error(std::string_view what, int code, std::string_view message);

}  // namespace qchain::live
