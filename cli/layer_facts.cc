#include "cli/layer_facts.h"

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
  // A record that can't be read is a matter for commit and verify; the chain can be shown all the same.
  if (auto found = record_of_layer(chain, position)) {
    facts.commit = std::move(found->record);
  }
  return facts;
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
  return {};
}

}  // namespace qchain::cli
