#include "qcow/commit/temporaries.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace qchain {

void give_up_new_base(LiveCommit& live) {
  if (live.new_base) {
    live.temporaries.push_back(*std::exchange(live.new_base, std::nullopt));
    live.engine = LiveEngine::qemu;
  }
}

Result<void> remove_temporaries(CommitRecord& record, RecordStore& store) {
  if (!record.live) {
    return {};
  }
  if (record.live->new_base) {  // of a run that was cut off before it took the base's name
    record.live->temporaries.push_back(*record.live->new_base);
    record.live->new_base.reset();
  }
  if (record.live->temporaries.empty()) {
    return {};
  }
  for (const RecordedFile& file : record.live->temporaries) {
    struct stat status{};
    if (::lstat(file.path.c_str(), &status) != 0 ||
        FileIdentity{.device = status.st_dev, .inode = status.st_ino} != file.identity) {
      continue;  // gone already, or somebody else's by now
    }
    if (::unlink(file.path.c_str()) != 0) {
      return fail_errno(errno, "cannot delete", file.path);
    }
  }
  record.live->temporaries.clear();
  return store.save(record);
}

}  // namespace qchain
