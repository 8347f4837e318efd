#include "fusefs/tree.h"

#include <algorithm>
#include <utility>

#include "fusefs/layer_name.h"

namespace qchain::fusefs {
namespace {

Timestamp modified(const Storage& storage) {
  const StorageFacts facts = storage.facts();
  return {facts.modified_seconds, facts.modified_nanoseconds};
}

Timestamp modified(const Image& image) {
  return std::max(modified(image.storage()), modified(image.data_storage()));
}

Range whole(const Slice& slice, std::size_t top) {
  return {0, slice.chain.layer(top).image->size()};
}

Node folder_node(Inode inode, std::string name, Timestamp time) {
  Node node;
  node.inode = inode;
  node.parent = root_inode;
  node.kind = Node::Kind::folder;
  node.modified = time;
  node.name = std::move(name);
  return node;
}

Node file_node(Inode inode, Inode parent, std::string name, Timestamp time, FileContent content) {
  Node node;
  node.inode = inode;
  node.parent = parent;
  node.modified = time;
  node.content = content;
  node.name = std::move(name);
  return node;
}

}  // namespace

Timestamp newest_layer(const Slice& slice, std::size_t top) {
  Timestamp newest = modified(*slice.chain.layer(slice.base).image);
  for (std::size_t position = slice.base + 1; position <= top; ++position) {
    newest = std::max(newest, modified(*slice.chain.layer(position).image));
  }
  return newest;
}

Tree Tree::single_file(const Slice& slice) {
  Tree tree;
  tree.add(file_node(root_inode, root_inode, "", newest_layer(slice, slice.top), {slice.top, whole(slice, slice.top)}));
  return tree;
}

Tree Tree::folder(const Slice& slice, std::span<const Partition> partitions) {
  const Timestamp newest = newest_layer(slice, slice.top);
  Tree tree;
  tree.add(folder_node(root_inode, "", newest));
  tree.add(file_node(disk_inode, root_inode, "disk.raw", newest, {slice.top, whole(slice, slice.top)}));
  tree.add(folder_node(layers_inode, "layers", newest));
  tree.add(folder_node(partitions_inode, "partitions", newest));
  tree.add_layers(slice);
  tree.add_partitions(slice, newest, partitions);
  return tree;
}

void Tree::add_layers(const Slice& slice) {
  Timestamp newest;
  for (std::size_t position = slice.base; position <= slice.top; ++position) {
    const Layer& layer = slice.chain.layer(position);
    const Timestamp own = modified(*layer.image);
    newest = position == slice.base ? own : std::max(newest, own);
    const std::size_t index = position + 1;
    add(file_node(first_layer_inode + index, layers_inode, layer_name(index, layer.file), newest,
                  {position, whole(slice, position)}));
  }
}

void Tree::add_partitions(const Slice& slice, Timestamp modified, std::span<const Partition> partitions) {
  for (const Partition& partition : partitions) {
    const Range window = intersect(partition.range, whole(slice, slice.top));
    if (!window.empty()) {
      add(file_node(first_partition_inode + partition.number, partitions_inode,
                    std::to_string(partition.number) + ".raw", modified, {slice.top, window}));
    }
  }
}

Node& Tree::add(Node node) {
  const Inode inode = node.inode;
  if (inode != root_inode) {
    Node& parent = nodes_.at(node.parent);
    parent.children.push_back(inode);
    parent.folders += node.kind == Node::Kind::folder ? 1 : 0;
    entries_[parent.inode].emplace(node.name, inode);
  }
  return nodes_.emplace(inode, std::move(node)).first->second;
}

const Node* Tree::find(Inode inode) const {
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : &found->second;
}

const Node* Tree::child(Inode parent, std::string_view name) const {
  const auto folder = entries_.find(parent);
  if (folder == entries_.end()) {
    return nullptr;
  }
  const auto found = folder->second.find(name);
  return found == folder->second.end() ? nullptr : find(found->second);
}

}  // namespace qchain::fusefs
