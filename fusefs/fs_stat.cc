#include <unistd.h>

#include "fusefs/filesystem.h"
#include "fusefs/thread_buffer.h"

namespace qchain::fusefs {
namespace {

constexpr std::uint64_t block = 512;  // unit of st_blocks and of every view's size

timespec to_timespec(Timestamp time) {
  return {time.seconds, static_cast<long>(time.nanoseconds)};
}

}  // namespace

Attributes FileSystem::attributes_of(const Node& node) {
  const bool folder = node.kind == Node::Kind::folder;
  Attributes result;
  struct stat& stat = result.stat;
  stat.st_ino = node.inode;
  stat.st_mode = (folder ? S_IFDIR | 0555U : S_IFREG | 0444U) & ~(owner_.umask & 0777U);
  stat.st_nlink = folder ? 2 + node.folders : 1;
  stat.st_uid = owner_.uid;
  stat.st_gid = owner_.gid;
  stat.st_size = static_cast<off_t>(node.content.window.length);
  stat.st_blksize = 4096;
  stat.st_atim = stat.st_mtim = stat.st_ctim = to_timespec(node.modified);
  if (!folder) {
    const auto stored = stored_.known(node);
    result.complete = stored.has_value();
    stat.st_blocks = static_cast<blkcnt_t>(stored.value_or(0) / block);
  }
  return result;
}

Reply<Attributes> FileSystem::quick_attributes(Inode inode) {
  const Node* node = tree_.find(inode);
  if (node == nullptr) {
    return refuse(std::errc::no_such_file_or_directory);
  }
  return attributes_of(*node);
}

Reply<Attributes> FileSystem::attributes(Inode inode) {
  const Node* node = tree_.find(inode);
  if (node == nullptr) {
    return refuse(std::errc::no_such_file_or_directory);
  }
  if (node->kind == Node::Kind::file) {
    const Waiting waiting = crew_.begin_waiting();
    static_cast<void>(stored_.of(*node));
  }
  return attributes_of(*node);
}

Reply<void> FileSystem::access(Inode inode, int mask) const {
  const Node* node = tree_.find(inode);
  if (node == nullptr) {
    return refuse(std::errc::no_such_file_or_directory);
  }
  if ((mask & W_OK) != 0) {
    return refuse(std::errc::read_only_file_system);
  }
  if ((mask & X_OK) != 0 && node->kind == Node::Kind::file) {
    return refuse(std::errc::permission_denied);
  }
  return {};
}

struct statvfs FileSystem::statistics() const {
  struct statvfs result{};
  result.f_bsize = block;
  result.f_frsize = block;
  result.f_blocks = views_.slice().size() / block;
  result.f_files = tree_.count();
  result.f_flag = ST_RDONLY;
  result.f_namemax = 255;
  return result;
}

}  // namespace qchain::fusefs
