#include "fusefs/filesystem.h"

#include <fcntl.h>

#include <utility>

namespace qchain::fusefs {

FileSystem::FileSystem(Tree tree, Views& views, Owner owner, Crew& crew, Reporter& reporter, Zeros zeros,
                       ColdFiles cold)
    : tree_(std::move(tree)),
      views_(views),
      owner_(owner),
      crew_(crew),
      reporter_(reporter),
      zeros_(std::move(zeros)),
      cold_(std::move(cold)),
      stored_(views) {}

Reply<OpenFile*> FileSystem::open(Inode inode, int flags) {
  const Node* node = tree_.find(inode);
  if (node == nullptr) {
    return refuse(std::errc::no_such_file_or_directory);
  }
  if (node->kind == Node::Kind::folder) {
    return refuse(std::errc::is_a_directory);
  }
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) {
    return refuse(std::errc::read_only_file_system);
  }
  std::unique_ptr<OpenFile> file(new OpenFile{*node, views_.up_to(node->content.top), {}, {}});
  OpenFile* handle = file.get();
  const std::scoped_lock lock(open_mutex_);
  open_files_.emplace(handle, std::move(file));
  return handle;
}

void FileSystem::release(OpenFile* file) {
  const std::scoped_lock lock(open_mutex_);
  open_files_.erase(file);
}

}  // namespace qchain::fusefs
