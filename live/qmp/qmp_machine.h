#pragma once

#include <memory>
#include <string>

#include "live/machine.h"
#include "live/qmp/client.h"
#include "live/qmp/known_nodes.h"

namespace qchain::live::qmp {

/// At most 31 characters, as QEMU has it, and `-f` behind it.
[[nodiscard]] std::string unused_node_name();

/// What failed, and what was opened for it and could not be closed.
[[nodiscard]] std::unexpected<Error> explained(Error error, const Result<void>& closed);

/// A QEMU by its monitor.
class QmpMachine final : public Machine {
 public:
  explicit QmpMachine(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  [[nodiscard]] std::string name() const override { return "qmp:" + client_->name(); }
  [[nodiscard]] Abilities abilities() const override { return {.holds_before_finalize = true}; }
  [[nodiscard]] pid_t pid() const override { return client_->peer(); }
  [[nodiscard]] Result<std::vector<Disk>> disks() override;
  [[nodiscard]] Result<std::string> start_commit(const Disk& disk, const CommitJob& job) override;
  [[nodiscard]] std::string handle_of(const Disk& disk) const override;
  [[nodiscard]] Result<std::optional<JobState>> job(const std::string& handle) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Clock::time_point until, std::stop_token stop) override;
  [[nodiscard]] Result<void> finalize(const std::string& handle) override;
  [[nodiscard]] Result<void> pivot(const std::string& handle) override;
  [[nodiscard]] Result<void> leave(const std::string& handle) override;
  [[nodiscard]] Result<void> cancel(const std::string& handle) override;
  [[nodiscard]] Result<void> dismiss(const std::string& handle) override;
  [[nodiscard]] Result<void> set_speed(const std::string& handle, std::uint64_t bytes_per_second) override;
  [[nodiscard]] Result<void> snapshot(const Disk& disk, const std::string& file) override;
  [[nodiscard]] Result<void> flush(const DiskLayer& layer) override;
  [[nodiscard]] Result<void> can_switch_backing(const Disk& disk, std::size_t base,
                                                std::optional<std::size_t> above) override;
  [[nodiscard]] Result<void> switch_backing(const Disk& disk, const BackingSwitch& how) override;
  [[nodiscard]] Result<void> close(const std::vector<std::string>& files) override;

 private:
  /// The result, or QEMU's refusal in the user's words.
  [[nodiscard]] Result<Json> ask(const std::string& command, Json arguments = Json::object());
  [[nodiscard]] Result<void> order(const std::string& command, Json arguments);
  [[nodiscard]] Result<void> let_qemu_open(const DiskLayer& active, const std::string& file,
                                           const std::optional<std::string>& node);
  [[nodiscard]] Result<KnownNodes> known_nodes();
  [[nodiscard]] Result<void> add(const NodePair& nodes);
  [[nodiscard]] Result<void> delete_node(const std::string& node);

  std::unique_ptr<Client> client_;
};

}  // namespace qchain::live::qmp
