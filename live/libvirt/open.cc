#include "live/libvirt/open.h"

#include <fmt/format.h>

#include "live/libvirt/library.h"
#include "live/libvirt/libvirt_machine.h"

namespace qchain::live {

namespace {

struct FoundDomain {
  Connection connection;
  DomainHandle domain;
  std::string name;  ///< for messages
};

Result<FoundDomain> find_domain(Connection connection, const std::string& uri, const std::string& domain) {
  const LibvirtText full(::virConnectGetURI(connection.get()));
  std::string name = fmt::format("{} {}", full ? full.get() : uri, domain);
  DomainHandle handle(::virDomainLookupByName(connection.get(), domain.c_str()));
  if (!handle && ::virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
    return std::unexpected(libvirt_error("cannot look for the domain").in(name));
  }
  if (!handle) {
    return std::unexpected(make_error(ErrorKind::not_found, fmt::format("no domain '{}'", domain))
                               .in(uri)
                               .advise("virsh list shows those that run"));
  }
  if (::virDomainIsActive(handle.get()) != 1) {
    return std::unexpected(make_error(ErrorKind::refused, "the domain is not running")
                               .in(name)
                               .advise("commit its images offline: qchain commit IMAGE"));
  }
  return FoundDomain{.connection = std::move(connection), .domain = std::move(handle), .name = std::move(name)};
}

}  // namespace

Result<std::unique_ptr<Machine>> open_domain(const std::string& uri, const std::string& domain,
                                             std::chrono::milliseconds limit) {
  QC_TRY(load_libvirt());
  auto loop = std::make_unique<EventLoop>();
  Connection connection = QC_TRY(connect(uri, limit));
  FoundDomain found = QC_TRY(loop->while_turning([&] { return find_domain(std::move(connection), uri, domain); }));
  auto machine = std::make_unique<LibvirtMachine>(std::move(found.name), std::move(loop), std::move(found.connection),
                                                  std::move(found.domain));
  QC_TRY(machine->listen());
  return machine;
}

}  // namespace qchain::live
