#include "live/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "live/disk_chain.h"
#include "qcow/chain/layer_index.h"

namespace qchain::live {
namespace {

bool same_file(const std::string& file, const std::string& named) {
  const auto identity = identity_of(named);
  return file == named || (identity && identity_of(file) == identity);
}

/// "vda[3]", where the layers have indexes that mean no other layer later (libvirt): never a position.
bool is_index_of_its_own(const Disk& disk, const std::string& named) {
  return disk.layers.front().node.ends_with(']') && named.find('[') != std::string::npos && !named.starts_with('[');
}

std::unexpected<Error> gone(const Disk& disk, const std::string& named) {
  std::string nodes;
  for (const DiskLayer& layer : disk.layers) {
    nodes += (nodes.empty() ? "" : ", ") + layer.node;
  }
  return std::unexpected(
      make_error(ErrorKind::invalid_argument, fmt::format("'{}' is no layer of it, or none any more", named))
          .in(disk.name)
          .advise(fmt::format("from the base on they are {}, or by their places 1 to {}", nodes, disk.layers.size())));
}

std::string names_of(const std::vector<Disk>& disks) {
  std::string names;
  for (const Disk& disk : disks) {
    names += (names.empty() ? "" : ", ") + disk.name;
  }
  return names.empty() ? "it has no disks of raw and qcow2 files" : "its disks are " + names;
}

}  // namespace

Result<Disk> find_disk(Machine& machine, const std::string& named) {
  const std::vector<Disk> disks = QC_TRY(machine.disks());
  const auto by = [&](auto&& matches) { return std::ranges::find_if(disks, matches); };
  auto found = by([&](const Disk& disk) { return disk.name == named; });
  if (found == disks.end()) {
    found = by([&](const Disk& disk) {
      return disk.device == named || disk.active().node == named || same_file(disk.active().file, named);
    });
  }
  if (found == disks.end()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("no disk '{}'", named))
                               .in(machine.name())
                               .advise(names_of(disks)));
  }
  return *found;
}

Result<std::size_t> find_layer(const Disk& disk, const std::string& named) {
  const auto refuse = [&](std::string_view what) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, what)
                               .in(disk.name)
                               .advise(fmt::format("its layers are 1 (the base, '{}') to {} (the active image, '{}')",
                                                   disk.layers.front().file, disk.layers.size(), disk.active().file)));
  };
  const auto by = [&](auto&& matches) { return std::ranges::find_if(disk.layers, matches) - disk.layers.begin(); };
  const auto depth = static_cast<std::ptrdiff_t>(disk.layers.size());
  auto position = by([&](const DiskLayer& layer) { return layer.file == named || layer.node == named; });
  if (position == depth) {
    if (const auto index = layer_index(named)) {
      if (is_index_of_its_own(disk, named)) {
        return gone(disk, named);
      }
      if (*index < 1 || *index > disk.layers.size()) {
        return refuse(fmt::format("no layer has the index {}", *index));
      }
      return *index - 1;
    }
    position = by([&](const DiskLayer& layer) { return same_file(layer.file, named); });
  }
  if (position == depth) {
    return refuse(fmt::format("'{}' is not in its chain", named));
  }
  return static_cast<std::size_t>(position);
}

}  // namespace qchain::live
