#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fusefs/partitions.h"
#include "qcow/chain/chain.h"
#include "qcow/core/range.h"

namespace qchain::fusefs {

using Inode = std::uint64_t;

/// Inode numbers depend on what a file is, never on when it was asked for, so they are the same at every mount.
inline constexpr Inode root_inode = 1;  // as the kernel has it
inline constexpr Inode disk_inode = 2;
inline constexpr Inode layers_inode = 3;
inline constexpr Inode partitions_inode = 4;
inline constexpr Inode first_layer_inode = Inode{1} << 16;      ///< plus the layer's 1-based index
inline constexpr Inode first_partition_inode = Inode{1} << 32;  ///< plus the partition's number

struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

/// A file: a window of the view from the slice's base up to one layer.
struct FileContent {
  std::size_t top = 0;  ///< position in the chain
  Range window;         ///< bytes of that view; the file's size is its length
};

/// A file or folder of the mount.
struct Node {
  enum class Kind : std::uint8_t { folder, file };
  Inode inode = 0;
  Inode parent = 0;
  Kind kind = Kind::file;
  Timestamp modified;           ///< of the newest layer file behind it
  FileContent content;          ///< file
  std::uint32_t folders = 0;    ///< folder: how many of its entries are folders
  std::vector<Inode> children;  ///< folder: in the order they are listed
  std::string name;             ///< in its parent; empty for the root
};

/// The files of a mount: names, sizes and times, no bytes. Immutable and thread-safe once made.
class Tree {
 public:
  /// disk.raw, layers/, partitions/.
  [[nodiscard]] static Tree folder(const Slice& slice, std::span<const Partition> partitions);
  /// The root itself is the slice's view.
  [[nodiscard]] static Tree single_file(const Slice& slice);

  /// Null if there is no such inode.
  [[nodiscard]] const Node* find(Inode inode) const;
  /// Null if `parent` is no folder, or has no entry of this name.
  [[nodiscard]] const Node* child(Inode parent, std::string_view name) const;
  [[nodiscard]] const Node& root() const { return nodes_.at(root_inode); }
  [[nodiscard]] std::size_t count() const noexcept { return nodes_.size(); }

 private:
  Node& add(Node node);
  void add_layers(const Slice& slice);
  void add_partitions(const Slice& slice, Timestamp modified, std::span<const Partition> partitions);

  std::unordered_map<Inode, Node> nodes_;
  std::map<Inode, std::map<std::string, Inode, std::less<>>> entries_;
};

/// mtime of the newest file among the slice's layers up to position `top`, data files too.
[[nodiscard]] Timestamp newest_layer(const Slice& slice, std::size_t top);

}  // namespace qchain::fusefs
