#include "fusefs/operations.h"

#include <algorithm>
#include <cerrno>

#include "fusefs/fuse_api.h"
#include "fusefs/thread_buffer.h"

namespace qchain::fusefs {
namespace {

/// Nothing of a view ever changes, so the kernel need not ask twice. Seconds; some 30 years.
constexpr double for_ever = 1e9;
constexpr unsigned background_requests = 64;

RequestContext& context_of(fuse_req_t request) {
  return *static_cast<RequestContext*>(fuse_req_userdata(request));
}
FileSystem& files_of(fuse_req_t request) {
  return *context_of(request).files;
}

void refuse_request(fuse_req_t request, std::errc reason) {
  fuse_reply_err(request, static_cast<int>(reason));
}

// Attributes with uncounted blocks are good for the kernel's own use (the size), but must not stay.
double lifetime(const Attributes& attributes) {
  return attributes.complete ? for_ever : 0.0;
}

OpenFile& file_of(const fuse_file_info* info) {
  return *reinterpret_cast<OpenFile*>(info->fh);  // NOLINT: the kernel keeps it for us between open and release
}

void on_init(void* user_data, fuse_conn_info* connection) noexcept {
  const auto& context = *static_cast<const RequestContext*>(user_data);
  connection->max_read = context.max_read;
  connection->max_readahead = std::min<unsigned>(connection->max_readahead, context.max_readahead);
  connection->max_background = background_requests;
  connection->congestion_threshold = background_requests * 3 / 4;
  connection->time_gran = 1;
  // Pages of replies must be copied, never moved: they are the layers' page cache, or memory that is used again. Times
  // never change: no need to look.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA);
  connection->want |= connection->capable &
                      (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_SPLICE_WRITE);
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) noexcept {
  const auto found = files_of(request).lookup(parent, name);
  fuse_entry_param entry{};
  entry.entry_timeout = for_ever;
  if (found) {
    entry.ino = found->stat.st_ino;
    entry.attr = found->stat;
    entry.attr_timeout = lifetime(*found);
  } else if (found.error() != std::errc::no_such_file_or_directory) {
    return refuse_request(request, found.error());
  }
  fuse_reply_entry(request, &entry);  // inode 0: remembered as not there
}

void reply_attributes(fuse_req_t request, const Reply<Attributes>& attributes) {
  if (attributes) {
    fuse_reply_attr(request, &attributes->stat, lifetime(*attributes));
  } else {
    refuse_request(request, attributes.error());
  }
}

// With an open file it is the kernel's read path that asks, for the size only; stat() comes without one.
void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) noexcept {
  FileSystem& files = files_of(request);
  reply_attributes(request, info != nullptr ? files.quick_attributes(inode) : files.attributes(inode));
}

void on_access(fuse_req_t request, fuse_ino_t inode, int mask) noexcept {
  const auto allowed = files_of(request).access(inode, mask);
  fuse_reply_err(request, allowed ? 0 : static_cast<int>(allowed.error()));
}

void on_opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) noexcept {
  if (const auto entries = files_of(request).list(inode); !entries) {
    return refuse_request(request, entries.error());
  }
  info->keep_cache = 1;
  info->cache_readdir = 1;
  fuse_reply_open(request, info);
}

/// Puts entries from number `offset` on into `buffer`; the bytes used.
std::size_t pack(fuse_req_t request, const std::vector<FolderEntry>& entries, std::size_t offset, MutableBytes buffer) {
  std::size_t used = 0;
  for (; offset < entries.size(); ++offset) {
    struct stat stat{};
    stat.st_ino = entries[offset].inode;
    stat.st_mode = entries[offset].type;
    const std::string name(entries[offset].name);
    const std::size_t size =
        fuse_add_direntry(request, reinterpret_cast<char*>(buffer.data()) + used, buffer.size() - used, name.c_str(),
                          &stat, static_cast<off_t>(offset) + 1);
    if (size > buffer.size() - used) {
      break;
    }
    used += size;
  }
  return used;
}

void on_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info*) noexcept {
  const auto entries = files_of(request).list(inode);
  if (!entries) {
    return refuse_request(request, entries.error());
  }
  const MutableBytes buffer = thread_buffer().first(std::min(size, max_reply));
  const std::size_t used = pack(request, *entries, static_cast<std::size_t>(std::max<off_t>(offset, 0)), buffer);
  fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), used);
}

void on_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) noexcept {
  const RequestContext& context = context_of(request);
  const auto file = context.files->open(inode, info->flags);
  if (!file) {
    return refuse_request(request, file.error());
  }
  info->fh = reinterpret_cast<std::uint64_t>(*file);
  info->keep_cache = context.caching == Caching::keep ? 1 : 0;
  info->direct_io = context.caching == Caching::direct ? 1 : 0;
  info->noflush = 1;
  if (fuse_reply_open(request, info) == -ENOENT) {
    context.files->release(*file);  // the opener was interrupted: no release will come
  }
}

void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) noexcept {
  files_of(request).release(&file_of(info));
  fuse_reply_err(request, 0);
}

// NOLINTBEGIN(clang-analyzer-optin.core.EnumCastOutOfRange): libfuse's flags are ored in these enums, or none is set
void reply_from_pipe(fuse_req_t request, const ReplyPipe& pipe, std::size_t bytes) {
  fuse_bufvec data = FUSE_BUFVEC_INIT(bytes);
  data.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_RETRY);
  data.buf[0].fd = pipe.read_end();
  fuse_reply_data(request, &data, fuse_buf_copy_flags{});
}
// NOLINTEND(clang-analyzer-optin.core.EnumCastOutOfRange)

void reply_content(fuse_req_t request, const Reply<Content>& content) {
  if (!content) {
    refuse_request(request, content.error());
  } else if (content->in_pipe > 0) {
    reply_from_pipe(request, thread_pipe(), content->in_pipe);
  } else {
    fuse_reply_buf(request, reinterpret_cast<const char*>(content->bytes.data()), content->bytes.size());
  }
}

void put_off(fuse_req_t request, const OpenFile& file, PutOff read) {
  const FilePiece piece = read.piece;
  context_of(request).cold_reads->read(piece, [request, &file, read = std::move(read)](auto bytes) mutable {
    const auto content =
        bytes ? Content{*bytes} : files_of(request).read_waiting(file, read.in_view, {thread_buffer(), thread_pipe()});
    read.small.end();  // before the answer: who asks again when it has that is alone
    read.waiting.end();
    reply_content(request, content);
  });
}

void on_read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) noexcept {
  if (offset < 0 || size > max_reply) {
    return refuse_request(request, std::errc::invalid_argument);
  }
  OpenFile& file = file_of(info);
  const Range range{static_cast<std::uint64_t>(offset), size};
  ColdReads* const cold_reads = context_of(request).cold_reads;
  const bool may_put_off = cold_reads != nullptr && cold_reads->is_usable();
  auto content = files_of(request).read(file, range, {thread_buffer(), thread_pipe()},
                                        may_put_off ? IfCold::put_off : IfCold::wait);
  if (!content || !content->put_off) {
    return reply_content(request, content);
  }
  put_off(request, file, *std::move(content->put_off));
}

void on_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) noexcept {
  if (offset < 0) {
    return refuse_request(request, std::errc::no_such_device_or_address);
  }
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    return refuse_request(request, std::errc::invalid_argument);
  }
  const auto found = files_of(request).seek(file_of(info), static_cast<std::uint64_t>(offset),
                                            whence == SEEK_DATA ? Seek::data : Seek::hole);
  if (!found) {
    return refuse_request(request, found.error());
  }
  fuse_reply_lseek(request, static_cast<off_t>(*found));
}

void on_statfs(fuse_req_t request, fuse_ino_t) noexcept {
  const struct statvfs statistics = files_of(request).statistics();
  fuse_reply_statfs(request, &statistics);
}

/// Answer to everything that would change something: the kernel refuses it first, unless it was remounted rw.
template <typename... Arguments>
void on_change(fuse_req_t request, Arguments...) noexcept {
  refuse_request(request, std::errc::read_only_file_system);
}

void refuse_changes(fuse_lowlevel_ops& table) {
  table.setattr = on_change;
  table.mknod = on_change;
  table.mkdir = on_change;
  table.unlink = on_change;
  table.rmdir = on_change;
  table.symlink = on_change;
  table.rename = on_change;
  table.link = on_change;
  table.create = on_change;
  table.write = on_change;
  table.setxattr = on_change;
  table.removexattr = on_change;
  table.fallocate = on_change;
}

}  // namespace

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops table{};
  table.init = on_init;
  table.lookup = on_lookup;
  table.getattr = on_getattr;
  table.access = on_access;
  table.opendir = on_opendir;
  table.readdir = on_readdir;
  table.open = on_open;
  table.release = on_release;
  table.read = on_read;
  table.lseek = on_lseek;
  table.statfs = on_statfs;
  refuse_changes(table);
  return table;
}

}  // namespace qchain::fusefs
