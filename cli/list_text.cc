#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "cli/holder.h"
#include "cli/human.h"
#include "cli/listing.h"

namespace qchain::cli {
namespace {

/// What went wrong, without the name that stands at the head of the line already.
std::string fault_text(const CatalogImage& image) {
  Error fault = *image.fault;
  if (fault.path == image.file) {
    fault.path.clear();
  }
  return describe(fault);
}

std::string state_text(const CatalogImage& image) {
  std::string text = name_of(image.state);
  if (image.state == ImageState::loop) {
    text += fmt::format(": its backing file is '{}'", printable(*image.facts->backing_reference));
  } else if (image.fault && image.state != ImageState::missing) {
    text += ": " + fault_text(image);
  }
  return text;
}

std::string notes_text(const CatalogImage& image, const std::vector<LockHolder>& holders) {
  std::vector<std::string> notes;
  if (image.state != ImageState::complete) {
    notes.push_back(state_text(image));
  }
  std::ranges::transform(holders, std::back_inserter(notes), holder_text);
  return fmt::format("{}", fmt::join(notes, ", "));
}

std::vector<std::string> cells_of(const TreeLine& line, const Listing& listing) {
  const CatalogImage& image = listing.catalog.images[line.image];
  const std::string name = line.lead + printable(image.file);
  const std::string notes = notes_text(image, listing.holders[line.image]);
  if (!image.facts) {
    return {name, "-", "-", "-", notes};
  }
  return {name, name_of(image.facts->format), size_text(image.facts->virtual_size),
          size_text(image.facts->bytes_on_disk), notes};
}

std::string summary(const Listing& listing) {
  const auto& images = listing.catalog.images;
  std::string text = fmt::format("{} {}", images.size(), images.size() == 1 ? "image" : "images");
  const auto add = [&text](auto count, std::string_view what) {
    if (count > 0) {
      text += fmt::format(", {} {}", count, what);
    }
  };
  add(std::ranges::count_if(listing.holders, [](const auto& holders) { return !holders.empty(); }), "in use");
  for (const auto state : {ImageState::orphan, ImageState::loop, ImageState::missing, ImageState::unreadable}) {
    add(std::ranges::count(images, state, &CatalogImage::state), name_of(state));
  }
  add(listing.catalog.other_files, listing.catalog.other_files == 1 ? "other file" : "other files");
  return text;
}

}  // namespace

void print_list_text(std::ostream& out, const Listing& listing) {
  out << summary(listing) << '\n';
  if (listing.catalog.images.empty()) {
    return;
  }
  Table table({Align::left, Align::left, Align::right, Align::right, Align::left});
  table.add({"FILE", "FORMAT", "VIRTUAL", "ON DISK", "NOTES"});
  for (const TreeLine& line : tree_lines(listing.catalog)) {
    table.add(cells_of(line, listing));
  }
  out << '\n';
  table.print(out);
}

}  // namespace qchain::cli
