#include "tests/commit/crash/judge.h"

#include <algorithm>

#include "qcow/chain/qcow2_image.h"
#include "qcow/format/header.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_checker.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

Result<format::Header> header_of(const ByteVector& disk) {
  const std::uint64_t cluster = QC_TRY(format::header_cluster_size(disk));
  return format::parse_header(Bytes(disk).first(std::min<std::uint64_t>(cluster, disk.size())));
}

/// What the internal snapshots of an image without backing file hold, each read as if it were the active state.
std::vector<ByteVector> snapshots_of(const ByteVector& disk) {
  const auto storage = std::make_shared<MemoryFile>(disk);
  const format::Header header = header_of(disk).value();
  const auto snapshots = Qcow2Image(header, storage, nullptr).snapshots().value();
  std::vector<ByteVector> contents;
  for (const format::Snapshot& snapshot : snapshots) {
    format::Header then = header;
    then.l1_offset = snapshot.l1_offset;
    then.l1_entries = snapshot.l1_entries;
    then.virtual_size = snapshot.virtual_size;
    const Chain chain({{"snapshot", {}, std::make_shared<Qcow2Image>(then, storage, nullptr)}});
    contents.push_back(read_all(View({.chain = chain, .base = 0, .top = 0}, ViewCaches())).value());
  }
  return contents;
}

std::optional<std::string> difference(const std::string& what, Bytes expected, Bytes got) {
  const auto first = first_difference(expected, got);
  return first ? std::optional(what + " differs at byte " + std::to_string(*first)) : std::nullopt;
}

}  // namespace

std::optional<std::string> Judge::look(const Disks& disks) const {
  SimMachine machine(case_.files(), disks, texts_);
  if (auto what = look_at_header(disks)) {
    return what;
  }
  if (auto what = look_at_view(machine)) {
    return what;
  }
  if (auto what = look_at_metadata(disks)) {
    return what;
  }
  return look_at_record(machine, disks);
}

std::optional<std::string> Judge::run_again(const Disks& disks) const {
  SimMachine machine(case_.files(), disks, texts_);
  if (const auto report = machine.run_commit(case_.request()); !report) {
    return "the commit run again fails: " + describe(report.error());
  }
  const auto what = look_at_finished(machine.disks());
  return what ? std::optional("after the commit was run again: " + *what) : std::nullopt;
}

std::optional<std::string> Judge::look_at_finished(const Disks& disks) const {
  if (auto what = look(disks)) {
    return what;
  }
  const auto record = record_on(disks.back(), texts_);
  return record && record->state == CommitState::done ? std::nullopt : std::optional("it is not recorded as done");
}

std::optional<std::string> Judge::look_at_view(SimMachine& machine) const {
  const auto view = machine.read_view(case_.active());
  return view ? difference("the active view", case_.view(), *view) : "the active view: " + describe(view.error());
}

std::optional<std::string> Judge::look_at_base(SimMachine& machine, std::uint64_t length) const {
  const auto base = machine.read_view(case_.base(), case_.recipe().base_format());
  if (!base) {
    return "the base: " + describe(base.error());
  }
  if (base->size() < length) {
    return "the base is too short";
  }
  return difference("the base", Bytes(case_.merged_base()).first(length), Bytes(*base).first(length));
}

std::optional<std::string> Judge::look_at_metadata(const Disks& disks) const {
  if (!case_.recipe().qcow2_base) {
    return std::nullopt;
  }
  const CheckResult check = check_qcow2(disks.front());
  if (!check.corruptions.empty()) {
    return "the base: " + check.corruptions.front();
  }
  return snapshots_of(disks.front()) == snapshots_of(case_.before().front())
             ? std::nullopt
             : std::optional("a snapshot of the base has changed");
}

std::optional<std::string> Judge::look_at_clean_run(const Disks& disks) const {
  if (case_.recipe().qcow2_base && check_qcow2(disks.front()).leaks != 0) {
    return "clusters of the base leak, and nothing went wrong";
  }
  return look_at_finished(disks);
}

std::optional<std::string> Judge::look_at_record(SimMachine& machine, const Disks& disks) const {
  const auto record = record_on(disks.back(), texts_);
  if (!record) {
    return disks.front() != case_.before().front() ? std::optional("the base was changed, and no record says so")
           : is_relinked(disks)                    ? std::optional("relinked without a record")
                                                   : std::nullopt;
  }
  if (record->state == CommitState::copying) {
    return is_relinked(disks) ? std::optional("relinked while the record says copying")
                              : look_at_base(machine, record->moved_to);
  }
  if (record->state == CommitState::done && case_.overlay() && !is_relinked(disks)) {
    return "recorded as done, and the overlay has its old backing file";
  }
  const auto what = look_at_base(machine, case_.merged_base().size());
  return what ? std::optional(*what + ", and the record says " + name_of(record->state)) : std::nullopt;
}

std::optional<std::string> Judge::look_at_header(const Disks& disks) const {
  if (!case_.overlay()) {
    return std::nullopt;
  }
  const auto before = header_of(case_.before()[*case_.overlay()]);
  const auto now = header_of(disks[*case_.overlay()]);
  if (!now) {
    return "the overlay's header: " + describe(now.error());
  }
  const bool is_old = now->backing_file == case_.old_name() && now->backing_format == "qcow2";
  const bool is_new = now->backing_file == case_.new_name() && now->backing_format == case_.new_format();
  if (!is_old && !is_new) {
    return "the overlay names '" + now->backing_file.value_or("") + "' as its backing file";
  }
  const bool same = now->l1_offset == before->l1_offset && now->virtual_size == before->virtual_size &&
                    now->incompatible == before->incompatible && now->header_length == before->header_length;
  return same ? std::nullopt : std::optional("the overlay's header has other changes than its backing file");
}

bool Judge::is_relinked(const Disks& disks) const {
  if (!case_.overlay()) {
    return false;
  }
  const auto header = header_of(disks[*case_.overlay()]);
  return header && header->backing_file == case_.new_name();
}

}  // namespace qchain::test
