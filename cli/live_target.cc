#include "cli/live_target.h"

#include <CLI/CLI.hpp>

#include "live/libvirt/open.h"
#include "live/qmp/open.h"

namespace qchain::cli {

void add_live_target(CLI::App& app, LiveTarget& target) {
  auto* qmp = app.add_option("--qmp", target.qmp, "A running QEMU, by its QMP socket");
  qmp->option_text("SOCKET");
  auto* connect = app.add_option("--connect", target.connect, "Libvirt's URI; default: libvirt's own");
  connect->option_text("URI");
  auto* domain = app.add_option("--domain", target.domain, "A running guest, by its name in libvirt");
  domain->option_text("NAME")->excludes(qmp);
  connect->needs(domain);
}

Result<std::unique_ptr<live::Machine>> open_machine(const LiveTarget& target) {
  if (!target.is_given()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "no running guest is named")
                               .advise("say --qmp SOCKET, or --domain NAME"));
  }
  return target.qmp.empty() ? live::open_domain(target.connect, target.domain) : live::open_qmp(target.qmp);
}

}  // namespace qchain::cli
