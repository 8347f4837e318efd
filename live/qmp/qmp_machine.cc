#include "live/qmp/qmp_machine.h"

#include <fmt/format.h>

#include "live/qmp/events.h"
#include "live/qmp/graph.h"
#include "live/qmp/json_text.h"
#include "live/qmp/known_nodes.h"
#include "live/qmp/refusal.h"

namespace qchain::live::qmp {

std::string unused_node_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("qchain-{:x}", std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

Result<Json> QmpMachine::ask(const std::string& command, Json arguments) {
  Answer answer = QC_TRY(client_->execute(command, std::move(arguments)));
  if (!answer) {
    return std::unexpected(in_users_words(answer.error(), name()));
  }
  return *std::move(answer);
}

Result<void> QmpMachine::order(const std::string& command, Json arguments) {
  static_cast<void>(QC_TRY(ask(command, std::move(arguments))));
  return {};
}

Result<std::vector<Disk>> QmpMachine::disks() {
  GraphAnswers answers;
  answers.stats = QC_TRY(ask("query-blockstats"));
  answers.nodes = QC_TRY(ask("query-named-block-nodes", {{"flat", true}}));
  answers.jobs = QC_TRY(ask("query-block-jobs"));
  return disks_in(answers, pid());
}

std::string QmpMachine::handle_of(const Disk& disk) const {
  return job_handle(disk.name);
}

Result<std::string> QmpMachine::start_commit(const Disk& disk, const CommitJob& job) {
  std::string handle = handle_of(disk);
  const DiskLayer& base = disk.layers[job.base];
  Json arguments{{"job-id", handle},       {"device", disk.root},
                 {"base-node", base.node}, {"speed", job.bytes_per_second},
                 {"on-error", "report"},   {"auto-dismiss", false}};
  if (disk.root != disk.active().node) {
    arguments["top-node"] = disk.active().node;  // without, a filter above it would be the top
  }
  if (job.top + 1 < disk.layers.size()) {
    arguments["top-node"] = disk.layers[job.top].node;
    arguments["backing-file"] = job.backing_name;
    // What was written can be proved before the switch. Not with the active layer: its guest would wait meanwhile.
    arguments["auto-finalize"] = false;
    if (base.node == base.file_node) {
      arguments["backing-mask-protocol"] = true;  // the header shall say raw, not file; QEMU 9 and later
    }
  }
  QC_TRY(order("block-commit", std::move(arguments)));
  return handle;
}

Result<std::optional<JobState>> QmpMachine::job(const std::string& handle) {
  return job_in(QC_TRY(ask("query-jobs")), handle);
}

Result<std::optional<Event>> QmpMachine::next_event(Clock::time_point until, std::stop_token stop) {
  while (const auto message = QC_TRY(client_->next_event(until, stop))) {
    if (auto event = event_in(*message)) {
      return event;
    }
  }
  return std::nullopt;
}

Result<void> QmpMachine::finalize(const std::string& handle) {
  return order("job-finalize", {{"id", handle}});
}

Result<void> QmpMachine::pivot(const std::string& handle) {
  return order("job-complete", {{"id", handle}});
}

Result<void> QmpMachine::leave(const std::string& handle) {
  return order("block-job-cancel", {{"device", handle}, {"force", false}});
}

Result<void> QmpMachine::cancel(const std::string& handle) {
  return order("job-cancel", {{"id", handle}});
}

Result<void> QmpMachine::dismiss(const std::string& handle) {
  const Answer answer = QC_TRY(client_->execute("job-dismiss", {{"id", handle}}));
  if (!answer && !is_missing(answer.error())) {
    return std::unexpected(in_users_words(answer.error(), name()));
  }
  return {};
}

Result<void> QmpMachine::set_speed(const std::string& handle, std::uint64_t bytes_per_second) {
  return order("block-job-set-speed", {{"device", handle}, {"speed", bytes_per_second}});
}

/// QMP itself has no command for that.
Result<void> QmpMachine::flush(const DiskLayer& layer) {
  const Json said =
      QC_TRY(ask("human-monitor-command", {{"command-line", "qemu-io \"" + layer.node + "\" \"flush\""}}));
  const std::string text = said.is_string() ? said.get<std::string>() : std::string();
  if (!text.empty()) {
    return std::unexpected(
        make_error(ErrorKind::io, "QEMU can't flush it: " + text.substr(0, text.find('\r'))).in(layer.file));
  }
  return {};
}

std::unexpected<Error> explained(Error error, const Result<void>& closed) {
  if (!closed) {
    error.advice += (error.advice.empty() ? "" : "; ") + ("its file stays open in QEMU: " + describe(closed.error()));
  }
  return std::unexpected(std::move(error));
}

Result<KnownNodes> QmpMachine::known_nodes() {
  return KnownNodes(NodeOptions::of_process(pid()), QC_TRY(ask("query-named-block-nodes", {{"flat", true}})));
}

Result<void> QmpMachine::add(const NodePair& nodes) {
  QC_TRY(order("blockdev-add", nodes.file));
  auto added = order("blockdev-add", nodes.format);
  return added ? std::move(added) : explained(std::move(added).error(), delete_node(name_in(nodes.file)));
}

Result<void> QmpMachine::delete_node(const std::string& node) {
  const Answer answer = QC_TRY(client_->execute("blockdev-del", {{"node-name", node}}));
  if (!answer && !is_missing(answer.error()) && !is_in_use(answer.error())) {
    return std::unexpected(in_users_words(answer.error(), name()));
  }
  return {};
}

Result<void> QmpMachine::close(const std::vector<std::string>& files) {
  GraphAnswers answers;
  answers.stats = QC_TRY(ask("query-blockstats", {{"query-nodes", true}}));
  answers.nodes = QC_TRY(ask("query-named-block-nodes", {{"flat", true}}));
  for (const std::string& file : files) {
    for (const std::string& node : nodes_of(file, answers, pid())) {
      QC_TRY(delete_node(node));
    }
  }
  return {};
}

}  // namespace qchain::live::qmp
