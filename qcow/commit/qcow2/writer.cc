#include "qcow/commit/qcow2/writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t clusters_at_once = 8192;  ///< bounds the memory of one step
constexpr std::size_t frees_at_once = 65536;

}  // namespace

Result<void> Qcow2BaseWriter::check_range(Range guest) const {
  if (!fits(guest.start, guest.length, size())) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("{} bytes at {:#x} are not inside of the disk", guest.length, guest.start));
  }
  return {};
}

Result<void> Qcow2BaseWriter::write(std::uint64_t guest_offset, Bytes bytes) {
  const Range guest{guest_offset, bytes.size()};
  QC_TRY_IN(file_.name(), check_range(guest));
  QC_TRY(before_first_write());
  QC_TRY_IN(file_.name(), put(guest, Content::of(bytes)));
  bitmaps_.changed(guest);
  return {};
}

Result<CloneAnswer> Qcow2BaseWriter::clone(const Storage& source, std::uint64_t source_offset, Range guest) {
  QC_TRY_IN(file_.name(), check_range(guest));
  const std::uint64_t unit = data_.clone_unit();
  if (!is_aligned(header_.cluster_size() | guest.start | guest.length | source_offset, unit)) {
    return CloneAnswer::impossible;
  }
  QC_TRY(before_first_write());
  const CloneAnswer answer = QC_TRY_IN(file_.name(), put(guest, Content::blocks_of(source, source_offset)));
  if (answer == CloneAnswer::cloned) {
    bitmaps_.changed(guest);
  }
  return answer;
}

std::uint64_t Qcow2BaseWriter::sharing_unit(const Storage& source) const noexcept {
  const std::uint64_t unit = data_.sharing_unit(source);
  return unit != 0 && is_aligned(header_.cluster_size(), unit) ? unit : 0;
}

Result<void> Qcow2BaseWriter::flush() {
  if (bitmaps_.has_news()) {
    QC_TRY_IN(file_.name(), store_bitmaps());
  }
  QC_TRY_IN(file_.name(), checkpoint_.finish());
  since_checkpoint_ = 0;
  return {};
}

Result<CloneAnswer> Qcow2BaseWriter::put(Range guest, const Content& content) {
  const std::uint64_t at_once = std::min(header_.l1_entry_span(), clusters_at_once << header_.cluster_bits);
  for (std::uint64_t position = 0; position < guest.length;) {
    const std::uint64_t start = guest.start + position;
    const std::uint64_t length = std::min(at_once - start % at_once, guest.length - position);
    const CloneAnswer answer = QC_TRY(put_part({start, length}, content, position));
    if (answer == CloneAnswer::impossible) {
      return answer;
    }
    position += length;
  }
  return CloneAnswer::cloned;
}

/// `part` lies under one L2 table.
Result<CloneAnswer> Qcow2BaseWriter::put_part(Range part, const Content& content, std::uint64_t position) {
  const Changes changes = QC_TRY(plan(part));
  const CloneAnswer answer = QC_TRY(transfer(changes, content, position));
  if (answer == CloneAnswer::impossible) {
    QC_TRY(give_back(changes));
    return answer;
  }
  QC_TRY(enter(changes));
  since_checkpoint_ += part.length;
  QC_TRY(checkpoint_if_due());
  return answer;
}

Result<Qcow2BaseWriter::Changes> Qcow2BaseWriter::plan(Range part) {
  Changes changes;
  for (Range cluster = cluster_at(part.start); cluster.start < part.end(); cluster.start += cluster.length) {
    ClusterChange change{cluster, intersect(cluster, part), QC_TRY(look_up(cluster.start))};
    if (data_file_) {
      change.host = cluster.start;
    } else if (QC_TRY(is_exclusive(change.before))) {
      change.host = change.before.host;
    } else {
      change.moves = true;
    }
    changes.push_back(change);
  }
  QC_TRY(find_places(changes));
  return changes;
}

/// Neighbours that move get neighbouring places, so that their bytes are one write.
Result<void> Qcow2BaseWriter::find_places(Changes& changes) {
  for (std::size_t first = 0; first < changes.size();) {
    if (!changes[first].moves) {
      ++first;
      continue;
    }
    std::size_t end = first;
    while (end < changes.size() && changes[end].moves) {
      ++end;
    }
    const Range place = QC_TRY(refcounts_.reserve_up_to(end - first));
    for (std::uint64_t host = place.start; host < place.end(); host += header_.cluster_size()) {
      changes[first++].host = host;
    }
  }
  return {};
}

/// The state of the cluster at `guest_offset`, with all host clusters it names found to be fit for guest bytes.
Result<ClusterState> Qcow2BaseWriter::look_up(std::uint64_t guest_offset) {
  ClusterState state = QC_TRY(mapping_.look_up(guest_offset));
  if (state.compressed) {
    QC_TRY(check_host({state.packed.offset, state.packed.size}));
  } else if (state.has_host && !data_file_) {
    QC_TRY(check_host({state.host, header_.cluster_size()}));
  }
  return state;
}

Result<void> Qcow2BaseWriter::check_host(Range host) {
  const auto [first, last] = clusters_of(host, header_.cluster_bits);
  for (std::uint64_t cluster = first; cluster <= last; ++cluster) {
    const bool is_counted = QC_TRY(refcounts_.get(cluster)) != 0;
    if (!is_counted || metadata_.contains(cluster)) {
      const char* const what = is_counted ? "guest data lies in a metadata cluster" : "guest data is not refcounted";
      return std::unexpected(make_error(ErrorKind::corrupt, what)
                                 .at(cluster << header_.cluster_bits)
                                 .advise("run `qemu-img check -r all` on it first"));
    }
  }
  return {};
}

/// Whether the host cluster may be overwritten: nothing else refers to it.
Result<bool> Qcow2BaseWriter::is_exclusive(const ClusterState& state) {
  return state.has_host && state.copied && QC_TRY(refcounts_.get(state.host >> header_.cluster_bits)) == 1;
}

/// Puts the bytes in place; nothing refers to those that move yet. One call for each run that lies together.
Result<CloneAnswer> Qcow2BaseWriter::transfer(const Changes& changes, const Content& content, std::uint64_t position) {
  for (std::size_t first = 0; first < changes.size();) {
    const ClusterChange& begin = changes[first];
    Range target{begin.host + (begin.covered.start - begin.cluster.start), 0};
    std::size_t end = first;
    for (; end < changes.size() && changes[end].host == begin.host + (end - first) * header_.cluster_size(); ++end) {
      target.length += changes[end].covered.length;
    }
    if (QC_TRY(content.put(position, data_, target)) == CloneAnswer::impossible) {
      return CloneAnswer::impossible;
    }
    position += target.length;
    first = end;
  }
  for (const ClusterChange& change : changes) {
    QC_TRY(fill(change));
  }
  return CloneAnswer::cloned;
}

Result<void> Qcow2BaseWriter::give_back(const Changes& changes) {
  for (const ClusterChange& change : changes) {
    if (change.moves) {
      QC_TRY(refcounts_.give_back({change.host, header_.cluster_size()}));
    }
  }
  return {};
}

Result<void> Qcow2BaseWriter::enter(const Changes& changes) {
  for (const ClusterChange& change : changes) {
    QC_TRY(replace(change.cluster.start, change.before, state_after(header_, change)));
  }
  return {};
}

/// Enters a cluster's new state, and drops the host clusters that it does not name any more.
Result<void> Qcow2BaseWriter::replace(std::uint64_t guest_offset, const ClusterState& before,
                                      const ClusterState& after) {
  if (same_state(before, after)) {
    return {};
  }
  QC_TRY(mapping_.update(guest_offset, after));
  if (before.compressed) {
    frees_.dropped.push_back({before.packed.offset, before.packed.size});
  } else if (before.has_host && !data_file_ && (!after.has_host || after.host != before.host)) {
    frees_.drop_cluster({before.host, header_.cluster_size()});
  }
  return {};
}

Result<void> Qcow2BaseWriter::checkpoint_if_due() {
  if (since_checkpoint_ < setup_.data_per_checkpoint && !mapping_.is_full() && frees_.dropped.size() < frees_at_once) {
    return {};
  }
  since_checkpoint_ = 0;
  return checkpoint_.run();
}

}  // namespace qchain::qcow2_base
