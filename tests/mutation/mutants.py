"""Defects put into the engine on purpose: each must turn the suite red.

A mutant's edits are exact texts of the present source, each found once in its file; `run` stops when one is not.
What an edit puts in has to compile without warnings.
"""

from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str
    new: str


class Mutant(NamedTuple):
    name: str
    edits: list[Edit]


L2 = "qcow/format/l2.cc"
HEADER = "qcow/format/header.cc"
EXTENSIONS = "qcow/format/extensions.cc"
EXTENT = "qcow/chain/extent.cc"
RESOLVE = "qcow/chain/resolve.cc"
VIEW = "qcow/chain/view.cc"
QCOW2 = "qcow/chain/qcow2_image.cc"
RAW = "qcow/chain/raw_image.cc"
CHAIN = "qcow/chain/chain.cc"
NAME = "qcow/chain/backing_name.cc"
GATE = "qcow/storage/file_gate.cc"

MUTANTS = [
    Mutant("zero_flag_is_ignored", [
        Edit(L2, "const bool zero = !extended && (raw & zero_flag) != 0;",
             "const bool zero = !extended && (raw & zero_flag) > 1;")]),
    Mutant("zero_flag_in_version_2_is_taken", [
        Edit(L2, "if (zero && header.version < 3) {", "if (zero && header.version < 2) {")]),
    Mutant("short_layer_does_not_hide_what_lies_deeper", [
        Edit(RESOLVE,
             "found_.push_back({.start = past.start, .length = past.length, .layer = layer, "
             ".kind = ExtentKind::past_end});",
             "still_open_.push_back(past);")]),
    Mutant("compressed_offset_mask_of_one_cluster_size", [
        Edit(L2, "return 62 - (cluster_bits - 8);", "return cluster_bits == 0 ? 0 : 54;")]),
    Mutant("compressed_size_ignores_the_place_in_the_sector", [
        Edit(L2, "sectors * sector - offset % sector", "sectors * sector - sector")]),
    Mutant("data_file_offset_0_is_never_allocated", [
        Edit(L2, "&& !zero && (raw & copied_flag) != 0;", "&& !zero && (raw & copied_flag) != 0 && header.version == 2;")]),
    Mutant("zero_subclusters_read_the_backing_file", [
        Edit(L2, "return run(Allocation::zero, std::countr_one(zero));",
             "return run(Allocation::unallocated, std::countr_one(zero));")]),
    Mutant("subclusters_both_allocated_and_zero_are_taken", [
        Edit(L2, "if ((allocated & zero) != 0) {", "if ((allocated & zero) == UINT32_MAX) {")]),
    Mutant("misaligned_clusters_are_read", [
        Edit(L2, "if (!is_aligned(host_offset, header.cluster_size())) {",
             "if (!is_aligned(host_offset, sector)) {")]),
    Mutant("l2_index_is_wrong_past_the_first_table", [
        Edit(QCOW2, "first_cluster & (header_.l2_entries() - 1)", "first_cluster % (header_.l2_entries() + 1)")]),
    Mutant("cut_extent_keeps_its_offset", [
        Edit(EXTENT, "return moves ? extent.offset + skipped : extent.offset;",
             "return moves && skipped == 0 ? extent.offset + skipped : extent.offset;")]),
    Mutant("compressed_extents_are_joined", [
        Edit(EXTENT, "last.kind == ExtentKind::compressed || ", ""),
        Edit(EXTENT, "return !last.has_offset() ||",
             "return !last.has_offset() || last.kind == ExtentKind::compressed ||")]),
    Mutant("extents_of_different_layers_are_joined", [
        Edit(EXTENT, "last.layer != next.layer ||", "")]),
    Mutant("raw_tail_is_cut_instead_of_padded", [
        Edit(RAW, "size_(align_up(storage_->size(), format::sector))",
             "size_(align_down(storage_->size(), format::sector))")]),
    Mutant("holes_of_raw_files_are_data", [
        Edit(RAW, "const bool is_data = !run || run->is_data;", "const bool is_data = !run || run->range.length > 0;")]),
    Mutant("inflated_cluster_is_read_from_its_start", [
        Edit(VIEW, "extent.start & (layer.image->cluster_size() - 1)",
             "extent.start & (layer.image->cluster_size() - layer.image->cluster_size())")]),
    Mutant("views_share_their_index", [
        Edit(VIEW, "PlaceKey key{.owner = id_, .place = start}", "PlaceKey key{.owner = id_ - id_, .place = start}")]),
    Mutant("relative_names_are_seen_from_the_process", [
        Edit(NAME, "std::string(folder_of(image)) + std::string(name)",
             "std::string(folder_of(image)).substr(0, 0) + std::string(name)")]),
    Mutant("missing_backing_format_is_raw", [
        Edit(NAME, """  if (!recorded) {
    return std::unexpected(missing_format(name, image));
  }
  return BackingTarget{""", """  if (!recorded && path.empty()) {
    return std::unexpected(missing_format(name, image));
  }
  recorded = recorded.value_or(ImageFormat::raw);
  return BackingTarget{""")]),
    Mutant("loops_are_not_seen", [
        Edit(CHAIN, "if (!seen_.insert(image->storage().identity()).second) {",
             "if (!seen_.insert(image->storage().identity()).second && layers_.empty()) {")]),
    Mutant("locks_are_not_taken", [
        Edit(GATE, "if (locking_ == Locking::shared_read) {",
             "if (locking_ == Locking::shared_read && request.path.empty()) {")]),
    Mutant("encryption_is_read_through", [
        Edit(HEADER, "switch (header.crypt_method) {", "switch (header.crypt_method / 256) {")]),
    Mutant("extensions_of_version_2_start_where_those_of_version_3_do", [
        Edit(HEADER, "header.header_length = v2_header_length;", "header.header_length = v3_header_length;")]),
    Mutant("extensions_run_past_the_backing_name", [
        Edit(HEADER, "backing_offset == 0 ? bytes : bytes.first(backing_offset)",
             "backing_offset == 0 ? bytes : bytes.first(bytes.size())")]),
    Mutant("bitmaps_are_trusted_without_their_bit", [
        Edit(EXTENSIONS, "if ((header.autoclear & autoclear_bitmaps) == 0) {",
             "if ((header.autoclear & autoclear_bitmaps) > 1) {")]),
]
