#include "qcow/check/tree_check.h"

#include <algorithm>
#include <array>

namespace qchain {
namespace {

constexpr std::uint64_t copied_flag = std::uint64_t{1} << 63;
constexpr std::uint64_t compressed_flag = std::uint64_t{1} << 62;
constexpr std::uint64_t zero_flag = 1;
constexpr std::uint64_t offset_mask = 0x00fffffffffffe00;  // bits 9..55
constexpr std::uint64_t l1_reserved = 0x7f000000000001ff;
constexpr std::uint64_t l2_reserved = 0x3f000000000001fe;
constexpr std::uint64_t l1_at_once = 512;

constexpr std::uint64_t span_from(std::uint64_t guest, std::uint64_t length, std::uint64_t size) noexcept {
  return guest < size ? std::min(length, size - guest) : 0;
}

}  // namespace

std::uint64_t TreeCheck::Entry::offset() const noexcept {
  return raw & offset_mask;
}

void TreeCheck::corrupt(const char* what, std::uint64_t offset) {
  ++result().corruptions;
  result().findings.add(Severity::damage, what, offset);
}

/// Counted for what guests see alone.
void TreeCheck::cannot_be_read(Range guest) noexcept {
  if (whose_ == TreeOf::active_state) {
    result().unreadable_bytes += span_from(guest.start, guest.length, header_.virtual_size);
  }
}

/// Entries of an L1 table that the file holds, if in part: the others are zeros to QEMU, and time must not go by them.
std::uint64_t TreeCheck::entries_there(std::uint64_t offset) const noexcept {
  const std::uint64_t size = image_.storage().size();
  return size > offset ? (size - offset + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t) : 0;
}

/// A table's last entries may lie past what fits into 64 bits: nobody has a disk there.
std::uint64_t TreeCheck::guest_offset_of(std::uint64_t l1_entry) const noexcept {
  const std::uint64_t span = header_.l1_entry_span();
  return l1_entry <= format::max_virtual_size / span ? l1_entry * span : format::max_virtual_size;
}

Result<void> TreeCheck::walk(L1Place place, TreeOf whose) {
  whose_ = whose;
  census_.count({place.offset, place.entries * sizeof(std::uint64_t)}, ClusterUse::structure, "L1 table");
  const std::uint64_t entries = std::min(place.entries, entries_there(place.offset));
  std::array<std::byte, l1_at_once * sizeof(std::uint64_t)> bytes;
  for (std::uint64_t first = 0; first < entries; first += l1_at_once) {
    const std::uint64_t count = std::min(l1_at_once, entries - first);
    const auto part = MutableBytes(bytes).first(count * sizeof(std::uint64_t));
    if (!image_.storage().read_padded(place.offset + first * sizeof(std::uint64_t), part)) {
      ++result().check_errors;
      result().findings.add(Severity::damage, "L1 table cannot be read", place.offset);
      return {};
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      if (options_.stop.stop_requested()) {
        return fail(ErrorKind::interrupted, "check interrupted");
      }
      walk_entry(load_be<std::uint64_t>(part, i * sizeof(std::uint64_t)), guest_offset_of(first + i));
    }
    if (options_.progress && whose == TreeOf::active_state) {
      options_.progress(std::min(guest_offset_of(first + count), header_.virtual_size), header_.virtual_size);
    }
  }
  find_missing_entries(place);
  return {};
}

/// Whole clusters of the L1 table that lie past the end of the file: what hung on them is lost.
void TreeCheck::find_missing_entries(L1Place place) {
  const std::uint64_t end = align_up(image_.storage().size(), header_.cluster_size());
  const std::uint64_t there = end > place.offset ? (end - place.offset) / sizeof(std::uint64_t) : 0;
  if (place.entries > there && there <= format::max_virtual_size / header_.l1_entry_span()) {
    cannot_be_read({there * header_.l1_entry_span(), format::max_virtual_size});
  }
}

void TreeCheck::walk_entry(std::uint64_t raw, std::uint64_t guest) {
  if (raw == 0) {
    return;
  }
  if ((raw & l1_reserved) != 0) {
    corrupt("L1 entry has reserved bits set", raw & offset_mask);
  }
  const std::uint64_t table = raw & offset_mask;
  census_.count({table, header_.cluster_size()}, ClusterUse::table, "L2 table");
  const bool is_misaligned = !is_aligned(table, header_.cluster_size());
  if (is_misaligned) {
    corrupt("L2 table does not begin on a cluster border", table);
  }
  checks_copied_ = table != 0 && whose_ == TreeOf::active_state;
  if (checks_copied_) {
    check_copied(raw, table, "COPIED flag of an L1 entry contradicts its refcount");
  }
  if (is_misaligned || (table != 0 && census_.is_past_end(table))) {
    cannot_be_read({guest, header_.l1_entry_span()});
  }
  walk_table(table, guest);
}

void TreeCheck::walk_table(std::uint64_t offset, std::uint64_t guest) {
  if (!image_.storage().read_padded(offset, table_)) {
    ++result().check_errors;
    result().findings.add(Severity::damage, "L2 table cannot be read", offset);
    return;
  }
  const std::uint64_t entry_size = header_.l2_entry_size();
  next_host_ = 0;
  for (std::uint64_t place = 0; place < table_.size(); place += entry_size) {
    Entry entry{.raw = load_be<std::uint64_t>(table_, place), .bitmap = 0, .guest = guest};
    if (entry_size == 16) {
      entry.bitmap = load_be<std::uint64_t>(table_, place + 8);
    }
    if (entry.raw != 0 || entry.bitmap != 0) {
      look_at(entry);
    }
    guest = std::min(guest + header_.cluster_size(), format::max_virtual_size);
  }
}

/// As qcow2_get_cluster_type() has it: reserved bits and the image's version count for nothing.
TreeCheck::Type TreeCheck::type_of(const Entry& entry) const noexcept {
  if ((entry.raw & compressed_flag) != 0) {
    return Type::compressed;
  }
  if ((entry.raw & zero_flag) != 0 && !header_.has(format::Incompatible::extended_l2)) {
    return Type::zero;
  }
  const bool is_first_of_data_file = header_.has(format::Incompatible::data_file) && (entry.raw & copied_flag) != 0;
  return entry.offset() != 0 || is_first_of_data_file ? Type::data : Type::unallocated;
}

void TreeCheck::look_at(const Entry& entry) {
  const Type type = type_of(entry);
  if (type != Type::compressed && (entry.raw & l2_reserved) != 0) {
    corrupt("L2 entry has reserved bits set", entry.offset());
  }
  if (type == Type::compressed) {
    look_at_packed(entry);
  } else if (type == Type::data || (type == Type::zero && entry.offset() != 0)) {
    look_at_host_cluster(entry);
  } else if (type == Type::unallocated && static_cast<std::uint32_t>(entry.bitmap) != 0) {
    corrupt("unallocated cluster has allocated subclusters", entry.offset());
  }
  look_at_readers_view(entry);
}

void TreeCheck::look_at_packed(const Entry& entry) {
  if ((entry.raw & copied_flag) != 0) {
    corrupt("compressed cluster has the COPIED flag", entry.offset());
  }
  if (header_.has(format::Incompatible::data_file)) {
    corrupt("compressed cluster in an image with an external data file", entry.offset());
    return;
  }
  if (entry.bitmap != 0) {
    corrupt("compressed cluster has a subcluster bitmap", entry.offset());
    return;
  }
  const auto packed = format::decode_l2(header_, entry.raw, 0, entry.guest).compressed;
  census_.count({packed.offset, packed.size}, ClusterUse::data, "compressed cluster");
  if (whose_ == TreeOf::active_state) {
    ++result().allocated_clusters;
    ++result().compressed_clusters;
    ++result().fragmented_clusters;  // by their nature
  }
}

void TreeCheck::look_at_host_cluster(const Entry& entry) {
  const std::uint64_t host = entry.offset();
  if (((entry.bitmap >> 32) & static_cast<std::uint32_t>(entry.bitmap)) != 0) {
    corrupt("subcluster is marked both allocated and zero", host);
  }
  if (!is_aligned(host, header_.cluster_size())) {
    corrupt("host cluster does not begin on a cluster border", host);
  }
  if (whose_ == TreeOf::active_state) {
    ++result().allocated_clusters;
    result().fragmented_clusters += next_host_ != 0 && host != next_host_ ? 1 : 0;
    next_host_ = host + header_.cluster_size();
  }
  check_copied(entry);
  if (!header_.has(format::Incompatible::data_file)) {
    census_.count({host, header_.cluster_size()}, ClusterUse::data, "guest cluster");
  }
}

/// What a reader would make of the entry, whatever the refcounts say.
void TreeCheck::look_at_readers_view(const Entry& entry) {
  const auto decoded = format::decode_l2(header_, entry.raw, entry.bitmap, entry.guest);
  const bool has_data = decoded.per_subcluster ? static_cast<std::uint32_t>(decoded.bitmap) != 0
                                               : decoded.allocation == format::Allocation::data;
  const bool is_missing =
      (decoded.allocation == format::Allocation::compressed && decoded.compressed.offset >= image_.storage().size()) ||
      (has_data && decoded.host_offset >= image_.data_storage().size());
  if (decoded.allocation != format::Allocation::invalid && !is_missing) {
    return;
  }
  if (entry.guest < header_.virtual_size && whose_ == TreeOf::active_state) {
    const format::Fault fault = is_missing ? format::Fault::cluster_past_end : decoded.fault;
    result().findings.add(Severity::damage, std::string("unreadable: ") + format::describe(fault), entry.offset());
  }
  cannot_be_read({entry.guest, header_.cluster_size()});
}

/// The COPIED flag says that the refcount is 1. Where that can't be read, it is told where refcounts are compared.
void TreeCheck::check_copied(std::uint64_t raw, std::uint64_t offset, const char* what) {
  const auto refcount = refcounts_.get(offset >> header_.cluster_bits);
  if (refcount && (*refcount == 1) != ((raw & copied_flag) != 0)) {
    corrupt(what, offset);
  }
}

/// An external data file has no refcounts: all is used once.
void TreeCheck::check_copied(const Entry& entry) {
  constexpr const char* contradicts = "COPIED flag of an L2 entry contradicts its refcount";
  if (!checks_copied_) {
    return;
  }
  if (!header_.has(format::Incompatible::data_file)) {
    check_copied(entry.raw, entry.offset(), contradicts);
  } else if ((entry.raw & copied_flag) == 0) {
    corrupt(contradicts, entry.offset());
  }
}

}  // namespace qchain
