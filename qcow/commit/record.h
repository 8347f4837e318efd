#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qcow/chain/chain.h"
#include "qcow/commit/bitmap_fate.h"
#include "qcow/commit/digest.h"
#include "qcow/core/error.h"
#include "qcow/storage/storage.h"
#include "qcow/verify/disk_digest.h"

namespace qchain {

/// How far a commit is. In this order, never back.
enum class CommitState : std::uint8_t {
  copying,    ///< bytes go into the base; the overlays still mask them: nobody reads those bytes from the base
  relinking,  ///< the base is complete and durable; the overlay above the top is given its new backing file
  done,       ///< merged; the merged overlays are still there
  verified,   ///< the base was compared with the merged overlays, or with a digest of what they held
  retired,    ///< the merged overlays are deleted
};
[[nodiscard]] const char* name_of(CommitState state) noexcept;

/// A file of a commit, by what tells it from another one that took its name.
struct RecordedFile {
  std::string path;  ///< absolute, without symbolic links; any bytes
  FileIdentity identity;
  std::uint64_t size = 0;  ///< bytes
  std::int64_t modified_seconds = 0;
  std::uint32_t modified_nanoseconds = 0;
  friend bool operator==(const RecordedFile&, const RecordedFile&) = default;
};

/// A time as file systems keep it, since 1970.
struct FileTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  friend auto operator<=>(const FileTime&, const FileTime&) = default;
};

/// The open file that has, or is about to get, this path. Errors: io.
[[nodiscard]] Result<RecordedFile> recorded_file(int descriptor, const std::string& path);
/// Whether there is a file of that path, and it is still the recorded one. A symbolic link is not.
[[nodiscard]] bool is_file_as_recorded(const RecordedFile& file);

/// How a base was kept.
enum class KeptBy : std::uint8_t {
  sharing,  ///< its blocks, in an instant
  copying,
};

/// The base as it was before the commit's first write.
struct KeptBase {
  RecordedFile file;
  KeptBy by = KeptBy::sharing;
  bool complete = false;  ///< it has its name, durably; until then nothing is written to the base
  friend bool operator==(const KeptBase&, const KeptBase&) = default;
};

/// Bytes of a commit, as forecast or as done.
struct CommitTotals {
  std::uint64_t copied = 0;  ///< read and written
  std::uint64_t cloned = 0;  ///< blocks shared instead
  std::uint64_t zeroed = 0;  ///< made to read as zeros
  friend bool operator==(const CommitTotals&, const CommitTotals&) = default;
};

/// The words by which a commit was asked for: the same words again mean the same commit, even where the chain has
/// become shorter meanwhile and an index would name another layer.
struct AskedFor {
  FileIdentity image;
  std::string base;
  std::string top;
  bool shallow = false;
  friend bool operator==(const AskedFor&, const AskedFor&) = default;
};

/// What the whole base must read as afterwards, through its own backing files, to its last byte.
struct WholeDigest {
  DiskDigest view;       ///< what the top read as
  DiskDigest tail;       ///< what a longer base keeps behind that; of zeros, where the top hid it from an overlay
  bool differs = false;  ///< the base was read back last, and was not that
  bool before_first_write = true;  ///< else taken when an earlier run had begun to write, through the layers above
  friend bool operator==(const WholeDigest&, const WholeDigest&) = default;
};

/// Where a commit under a running guest is, beyond CommitState.
enum class LiveStep : std::uint8_t {
  merging,   ///< as far as CommitState says
  pivoting,  ///< all below `overlay` is merged and verified; what the guest writes there goes into the base
  pivoted,   ///< the guest goes on in the base, which can't be compared with the merged layers any more
};

/// Who moves the bytes of a commit under a running guest.
enum class LiveEngine : std::uint8_t {
  qemu,   ///< QEMU, into the base
  clone,  ///< qchain, into a new file beside the base that shares its blocks and then takes its name
};
[[nodiscard]] const char* name_of(LiveEngine engine) noexcept;

/// What only a commit under a running guest has.
struct LiveCommit {
  std::string machine;  ///< the running guest, for messages
  std::string disk;
  LiveStep step = LiveStep::merging;
  LiveEngine engine = LiveEngine::qemu;
  std::optional<RecordedFile> new_base;   ///< engine clone: what takes the base's name once it is whole and proved
  std::optional<RecordedFile> overlay;    ///< made for a pivot: until then the guest writes to it
  std::vector<RecordedFile> temporaries;  ///< made by the commit; nothing of theirs is needed any more
  friend bool operator==(const LiveCommit&, const LiveCommit&) = default;
};

/// What a commit is about and how far it is: the content of BASE.qchain.json.
struct CommitRecord {
  CommitState state = CommitState::copying;
  AskedFor asked;
  RecordedFile base;
  ImageFormat base_format = ImageFormat::raw;
  std::vector<RecordedFile> merged;     ///< bottom first; the last one is the top
  std::optional<RecordedFile> overlay;  ///< the image above the top, which is relinked; none when the top is active
  std::optional<KeptBase> kept;         ///< none where the user did not ask for it
  std::optional<FileTime> base_left;    ///< done: when the commit itself wrote to the base last; none on a device
  std::string backing_name;             ///< what the overlay's header names from then on; empty without overlay
  std::uint64_t base_size_before = 0;   ///< guest bytes
  std::uint64_t view_size = 0;          ///< guest bytes of the merged view
  std::uint64_t moved_to = 0;           ///< copying: all moves before this guest offset are in the base, durably
  CommitTotals forecast;
  CommitTotals outcome;                  ///< of the last run, where there were several
  std::uint64_t new_bytes_forecast = 0;  ///< newly taken on the base's file system, at the most
  // NOLINTNEXTLINE(readability-redundant-member-init): so that designated initialisers may leave it out
  std::optional<std::uint64_t> new_bytes{};  ///< as it came; none where blocks were shared, or the base is a device
  std::vector<RecordedBitmap> bitmaps;       ///< of all layers that take part, and what becomes of them
  std::optional<MergedContent> content;      ///< with its digest; none until all of it was read
  std::optional<WholeDigest> whole;          ///< only where it was asked for
  bool retiring = false;                     ///< verified: the merged layers are being deleted, some may be gone
  // NOLINTNEXTLINE(readability-redundant-member-init): so that designated initialisers may leave it out
  std::optional<LiveCommit> live{};  ///< only under a running guest
  friend bool operator==(const CommitRecord&, const CommitRecord&) = default;
};

/// The record as JSON text, and back. Errors of parsing: corrupt, unsupported (a later version), without path.
[[nodiscard]] std::string to_json(const CommitRecord& record);
[[nodiscard]] Result<CommitRecord> parse_record(std::string_view text);

/// A file system's device number may be another one after the machine was started again. Where the recorded path still
/// has the recorded inode, the number is set to what it is now, for all files that had the old one.
void renumber_devices(CommitRecord& record);

/// Where the record's new base has taken the base's name since it was written: makes that durable, and the record says
/// so. The base is whole then, and only the switch is left. Errors: io.
[[nodiscard]] Result<void> adopt_new_base(CommitRecord& record);

/// Where the record of a base is kept; a seam, so that tests can crash between any two writes.
class RecordStore {
 public:
  RecordStore() = default;
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;
  virtual ~RecordStore() = default;

  /// The record, or nothing where there is none. Errors: io, permission, corrupt, unsupported.
  [[nodiscard]] virtual Result<std::optional<CommitRecord>> load() const = 0;

  /// Replaces the record in one step: the old one or the new one is there at any moment, and when this returns the new
  /// one is durable. Errors: io, no_space, permission.
  [[nodiscard]] virtual Result<void> save(const CommitRecord& record) = 0;

  /// There is none any more, durably: for a commit that was refused before anything was done. Errors: io, permission.
  [[nodiscard]] virtual Result<void> remove() = 0;
};

/// The record of a base. `base`: path of the base, or of a file that stands for it.
using RecordsBeside = std::function<std::unique_ptr<RecordStore>(const std::string& base)>;

/// BASE.qchain.json beside the base.
class FileRecordStore final : public RecordStore {
 public:
  explicit FileRecordStore(const std::string& base_path) : path_(base_path + ".qchain.json") {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Result<std::optional<CommitRecord>> load() const override;
  [[nodiscard]] Result<void> save(const CommitRecord& record) override;
  [[nodiscard]] Result<void> remove() override;

 private:
  std::string path_;
};

}  // namespace qchain
