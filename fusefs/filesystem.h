#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fusefs/cold_files.h"
#include "fusefs/crew.h"
#include "fusefs/errno.h"
#include "fusefs/horizon.h"
#include "fusefs/read_ahead.h"
#include "fusefs/reply_pipe.h"
#include "fusefs/reporter.h"
#include "fusefs/stored_bytes.h"
#include "fusefs/tree.h"
#include "fusefs/views.h"
#include "fusefs/waiting.h"
#include "fusefs/zeros.h"

namespace qchain::fusefs {

/// Who the files belong to.
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;  ///< taken off 0444 and 0555
};

/// What stat() says of a file. `stat.st_blocks` needs a walk over the whole view, so it may be still open.
struct Attributes {
  struct stat stat{};
  bool complete = true;  ///< false: st_blocks is not counted yet, ask attributes()
};

/// A file that a reader has open.
struct OpenFile {
  const Node& node;
  SharedView view;
  ReadAhead ahead;
  Horizon horizon;
};

/// A small read that would wait for the disk, and others do so already: let it wait without a thread.
struct PutOff {
  FilePiece piece;  ///< all of what is asked for, past the page cache
  Range in_view;    ///< the same
  Waiting small;    ///< for as long as it is under way
  Waiting waiting;  ///< the same, for the crew: it should have a few threads more to hand in what else is put off
};

/// What a read gives: bytes in memory, or that many in the pipe, or none yet.
struct Content {
  Bytes bytes;
  std::size_t in_pipe = 0;
  std::optional<PutOff> put_off = std::nullopt;
};

/// What a small read does where it has to wait for the disk.
enum class IfCold : std::uint8_t { wait, put_off };

/// Where the bytes of a read may go.
struct ReadSpace {
  MutableBytes buffer;  ///< at least as large as the read
  ReplyPipe& pipe;
};

enum class Seek : std::uint8_t { data, hole };

struct FolderEntry {
  std::string_view name;
  Inode inode = 0;
  mode_t type = 0;  ///< S_IFREG or S_IFDIR
};

/// What a request of the kernel means, apart from how it comes and how the answer goes. Thread-safe.
class FileSystem {
 public:
  /// So many wait for the disk each in its thread, by way of the page cache and the kernel's read-ahead: with few, that
  /// is as fast.
  static constexpr unsigned few = 3;

  FileSystem(Tree tree, Views& views, Owner owner, Crew& crew, Reporter& reporter, Zeros zeros, ColdFiles cold = {});

  /// ENOENT; never counts blocks.
  [[nodiscard]] Reply<Attributes> lookup(Inode parent, std::string_view name);
  /// Complete attributes. ENOENT.
  [[nodiscard]] Reply<Attributes> attributes(Inode inode);
  /// Attributes as they are known; never counts blocks. ENOENT.
  [[nodiscard]] Reply<Attributes> quick_attributes(Inode inode);
  /// EROFS for writing, EACCES for executing a file.
  [[nodiscard]] Reply<void> access(Inode inode, int mask) const;
  /// All entries with "." and "..", in a lasting order. ENOTDIR.
  [[nodiscard]] Reply<std::vector<FolderEntry>> list(Inode folder) const;
  [[nodiscard]] struct statvfs statistics() const;

  /// The file is this object's until release(). EROFS if `flags` ask for writing, EISDIR.
  [[nodiscard]] Reply<OpenFile*> open(Inode inode, int flags);
  void release(OpenFile* file);

  /// The file's bytes in `range`, cut at its end; they lie in `space`, or in lasting memory. Errors go to the reporter,
  /// and as errno to the reader: EIO for what is broken.
  [[nodiscard]] Reply<Content> read(OpenFile& file, Range range, ReadSpace space, IfCold if_cold = IfCold::wait);
  /// What was put off, and could not be had: read as read() would, waiting.
  [[nodiscard]] Reply<Content> read_waiting(const OpenFile& file, Range in_view, ReadSpace space);
  /// Offset of the first data or hole at or after `offset`; the end of the file is a hole. ENXIO.
  [[nodiscard]] Reply<std::uint64_t> seek(OpenFile& file, std::uint64_t offset, Seek what);

 private:
  [[nodiscard]] Attributes attributes_of(const Node& node);
  [[nodiscard]] bool is_zeros(Range in_view, const Extent& first) const;
  void fetch_ahead(const OpenFile& file, Range ahead);
  [[nodiscard]] Reply<Content> read_small(const OpenFile& file, Range in_view, const Extent& place, ReadSpace space,
                                          IfCold if_cold);
  [[nodiscard]] Reply<Content> read_any(const OpenFile& file, Range in_view, const ReadAhead::Fetch& fetch,
                                        ReadSpace space);

  Tree tree_;
  Views& views_;
  Owner owner_;
  Crew& crew_;
  Reporter& reporter_;
  Zeros zeros_;
  ColdFiles cold_;
  std::atomic<unsigned> small_ = 0;  ///< small reads under way
  StoredBytes stored_;
  std::mutex open_mutex_;
  std::unordered_map<OpenFile*, std::unique_ptr<OpenFile>> open_files_;  ///< guarded by open_mutex_
};

}  // namespace qchain::fusefs
