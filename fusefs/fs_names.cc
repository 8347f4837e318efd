#include "fusefs/filesystem.h"

namespace qchain::fusefs {
namespace {

mode_t type_of(const Node& node) {
  return node.kind == Node::Kind::folder ? S_IFDIR : S_IFREG;
}

}  // namespace

Reply<Attributes> FileSystem::lookup(Inode parent, std::string_view name) {
  const Node* node = tree_.child(parent, name);
  if (node == nullptr) {
    return refuse(std::errc::no_such_file_or_directory);
  }
  return attributes_of(*node);
}

Reply<std::vector<FolderEntry>> FileSystem::list(Inode folder) const {
  const Node* node = tree_.find(folder);
  if (node == nullptr || node->kind != Node::Kind::folder) {
    return refuse(std::errc::not_a_directory);
  }
  std::vector<FolderEntry> entries{{".", node->inode, S_IFDIR}, {"..", node->parent, S_IFDIR}};
  entries.reserve(entries.size() + node->children.size());
  for (const Inode child : node->children) {
    const Node* entry = tree_.find(child);
    entries.push_back({entry->name, entry->inode, type_of(*entry)});
  }
  return entries;
}

}  // namespace qchain::fusefs
