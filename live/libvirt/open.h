#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "live/machine.h"

namespace qchain::live {

/// A running domain of libvirt. `uri` empty: libvirt's own default ($LIBVIRT_DEFAULT_URI and so on). A daemon that
/// does not answer within `limit` is an error, and one that is silent for 20 seconds later on counts as gone. Libvirt
/// lets no job wait before finalize: abilities() says so. Errors: not_found (no such domain), refused (it does not
/// run), permission, io (no daemon).
[[nodiscard]] Result<std::unique_ptr<Machine>> open_domain(const std::string& uri, const std::string& domain,
                                                           std::chrono::milliseconds limit = std::chrono::minutes(1));

}  // namespace qchain::live
