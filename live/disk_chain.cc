#include "live/disk_chain.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "qcow/storage/lock_holder.h"

namespace qchain::live {
namespace {

std::unexpected<Error> disagree(const std::string& file, std::string_view why) {
  return std::unexpected(make_error(ErrorKind::refused, why)
                             .in(file)
                             .advise("only a chain whose files are those that the guest has open can be merged"));
}

/// The index by which select_layers() finds what the user named.
Result<std::string> index_text(const Disk& disk, const std::string& named) {
  return named.empty() ? std::string() : std::to_string(QC_TRY(find_layer(disk, named)) + 1);
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

Result<Chain> open_disk_chain(const Disk& disk) {
  FileGate gate(Locking::none);
  Chain chain = QC_TRY(Chain::open(disk.active().file, gate, {.format = disk.active().format}));
  if (chain.depth() != disk.layers.size()) {
    return disagree(disk.active().file, fmt::format("its headers name {} layers, the guest reads through {}",
                                                    chain.depth(), disk.layers.size()));
  }
  for (std::size_t i = 0; i < chain.depth(); ++i) {
    const Layer& layer = chain.layer(i);
    if (identity_of(disk.layers[i].file) != layer.image->storage().identity()) {
      return disagree(layer.file, fmt::format("is not the file that the guest has there ('{}')", disk.layers[i].file));
    }
    if (layer.image->format() != disk.layers[i].format) {
      return disagree(layer.file, fmt::format("is {} by the header above it, {} for the guest",
                                              name_of(layer.image->format()), name_of(disk.layers[i].format)));
    }
  }
  return chain;
}

Result<Selection> select_on_disk(const Disk& disk, const Chain& chain, const LayerChoice& choice) {
  return select_layers(chain, {.base = QC_TRY(index_text(disk, choice.base)),
                               .top = QC_TRY(index_text(disk, choice.top)),
                               .shallow = choice.shallow});
}

Result<void> check_holders(const Machine& machine, const Layer& base) {
  const pid_t own = machine.pid();
  if (own == 0) {
    return {};  // not known: QEMU's own locks decide
  }
  for (const LockHolder& holder : lock_holders(base.image->storage().identity())) {
    if (holder.pid != own) {
      return std::unexpected(
          make_error(ErrorKind::locked, fmt::format("process {} ({}) has it open too", holder.pid, holder.command))
              .in(base.file)
              .advise("what is merged into it would change under that process: end it first"));
    }
  }
  return {};
}

Result<void> check_other_disks(Machine& machine, const Disk& disk, const Selection& selection) {
  for (const Disk& other : QC_TRY(machine.disks())) {
    for (std::size_t i = selection.base; i < selection.top && other.name != disk.name; ++i) {
      const Layer& layer = selection.chain.layer(i);
      if (has_layer(other, layer.image->storage().identity())) {
        return std::unexpected(
            make_error(ErrorKind::refused, fmt::format("disk '{}' of the same guest reads through it too", other.name))
                .in(layer.file)
                .advise("that disk would change with the commit: give it images of its own first"));
      }
    }
  }
  return {};
}

bool has_layer(const Disk& disk, const FileIdentity& file) {
  return std::ranges::any_of(disk.layers, [&](const DiskLayer& layer) { return identity_of(layer.file) == file; });
}

}  // namespace qchain::live
