#include "cli/layer_facts.h"

#include <algorithm>

#include "qcow/check/image_check.h"
#include "qcow/commit/find_record.h"

namespace qchain::cli {
namespace {

LayerFacts facts_of(const Chain& chain, std::size_t position) {
  const Layer& layer = chain.layer(position);
  LayerFacts facts;
  facts.index = position + 1;
  facts.layer = &layer;
  if (position > 0) {
    facts.below = chain.layer(position - 1).file;
  }
  facts.is_cut_off = position == 0 && chain.is_cut_off();
  // A record that can't be read is a matter for commit and verify; the chain can be shown all the same.
  if (auto found = record_of_layer(chain, position)) {
    facts.commit = std::move(found->record);
  }
  return facts;
}

/// Most bytes of L2 tables that `info` reads for a chain: it has to be quick.
constexpr std::uint64_t overlap_budget = std::uint64_t{16} << 20;

/// Of all tables that a check would walk; the entries of bitmaps' and snapshots' tables are read as well.
std::uint64_t bytes_of_tables(const LayerFacts& facts, const format::Header& header) {
  std::uint64_t bytes = std::uint64_t{header.l1_entries} << header.cluster_bits;
  for (const auto& snapshot : facts.snapshots) {
    bytes += std::uint64_t{snapshot.l1_entries} << header.cluster_bits;
  }
  for (const auto& bitmap : facts.bitmaps) {
    bytes += bitmap.table_entries * sizeof(std::uint64_t);
  }
  return bytes;
}

/// Looks for overlaps, active layer first, while the tables are small. What a guest writes to is no steady picture.
void look_for_overlaps(std::vector<LayerFacts>& all) {
  std::uint64_t budget = overlap_budget;
  for (LayerFacts& facts : all) {
    const format::Header* header = facts.image().header();
    if (header == nullptr || std::ranges::any_of(facts.holders, &LockHolder::writes)) {
      continue;
    }
    const std::uint64_t tables = bytes_of_tables(facts, *header);
    if (tables > budget) {
      return;
    }
    budget -= tables;
    const auto check = check_image(facts.image(), {});
    facts.overlaps = check ? check->overlaps : 0;
  }
}

}  // namespace

std::vector<LayerFacts> look_around(const Chain& chain) {
  std::vector<LayerFacts> all;
  std::vector<FileIdentity> files;
  for (std::size_t position = chain.depth(); position-- > 0;) {
    all.push_back(facts_of(chain, position));
    files.push_back(chain.layer(position).image->storage().identity());
  }
  auto holders = lock_holders(files);  // one pass over the processes, however deep the chain
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].holders = std::move(holders[i]);
  }
  return all;
}

Result<void> look_inside(std::vector<LayerFacts>& layers) {
  for (LayerFacts& facts : layers) {
    const std::string& file = facts.layer->file;
    facts.snapshots = QC_TRY_IN(file, facts.image().snapshots());
    facts.bitmaps = QC_TRY_IN(file, facts.image().bitmaps());
  }
  look_for_overlaps(layers);
  return {};
}

}  // namespace qchain::cli
