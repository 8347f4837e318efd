#include "live/qmp/open.h"

#include <filesystem>

#include "live/qmp/qmp_machine.h"

namespace qchain::live {

Result<std::unique_ptr<Machine>> open_qmp(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  qmp::LineSocket socket = QC_TRY(qmp::LineSocket::connect(error ? path : real.string()));
  auto client = QC_TRY(qmp::Client::open(std::move(socket)));
  return std::make_unique<qmp::QmpMachine>(std::move(client));
}

}  // namespace qchain::live
