#include "live/libvirt/open.h"

namespace qchain::live {

Result<std::unique_ptr<Machine>> open_domain(const std::string&, const std::string& domain, std::chrono::milliseconds) {
  return std::unexpected(make_error(ErrorKind::unsupported, "this qchain was built without libvirt")
                             .in(domain)
                             .advise("say --qmp SOCKET, or build it where libvirt-dev is installed"));
}

}  // namespace qchain::live
