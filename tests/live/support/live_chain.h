#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace qchain::test {

/// base.raw <- a.qcow2 <- … in a folder, and QEMU's nodes for it: each layer is a node named as its file without
/// ending, over NAME-f, with the cache and discard options that libvirt uses.
class LiveChain {
 public:
  /// Only the base, empty, of `size` bytes; in another folder than the overlays where one is given.
  LiveChain(std::string folder, std::uint64_t size, const std::string& base_folder = {});

  /// A new overlay on top; its file.
  std::string add_overlay(const std::string& name);

  [[nodiscard]] std::string file(const std::string& name) const {
    return name == "base" ? base_ : folder_ + "/" + name + ".qcow2";
  }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  [[nodiscard]] std::string active() const { return file(layers_.back()); }
  [[nodiscard]] const std::string& active_node() const { return layers_.back(); }
  /// QEMU's -blockdev arguments, bottom first.
  [[nodiscard]] Arguments block_arguments() const;

 private:
  std::string folder_;
  std::string base_;
  std::vector<std::string> layers_{"base"};
};

/// A layer's nodes as blockdev-add takes it; `backing` empty: null.
[[nodiscard]] nlohmann::json file_node(const std::string& node, const std::string& file);
[[nodiscard]] nlohmann::json format_node(const std::string& node, const std::string& format,
                                         const std::string& backing);

}  // namespace qchain::test
