#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "qcow/chain/image.h"
#include "qcow/commit/record.h"
#include "qcow/core/error.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// Whether the base may be kept at the price of a copy.
enum class CopyToKeep : std::uint8_t {
  refuse,  ///< only in an instant, by sharing its blocks
  allow,   ///< copied where its blocks can't be shared
};

/// A user's wish to have the base as it was before the commit.
struct KeepRequest {
  std::string file;  ///< new, as the user says it
  CopyToKeep copy = CopyToKeep::refuse;
};

/// What that takes.
struct KeepPlan {
  std::string file;  ///< absolute
  KeptBy by = KeptBy::sharing;
  std::uint64_t bytes = 0;         ///< to read and write, and that it takes on disk at the most; 0 where it shares
  std::uint64_t on_base_disk = 0;  ///< of these, on the base's own file system
  bool is_kept = false;            ///< an earlier run of this commit has done it
};

/// What an earlier run of the same commit has left of its wish.
struct EarlierKeeping {
  bool begun = false;            ///< there was such a run, and it may have written to the base
  bool base_is_the_same = true;  ///< as that run found it, by size and time
  std::optional<KeptBase> kept;
};

/// The absolute name of a file that the base is to be kept as: its folder without links, then its name. Errors:
/// not_found, io (no such folder); refused (no name for a file).
[[nodiscard]] Result<std::string> kept_name(const std::string& file);

/// By reading and trying in a nameless file. `base`: the image's own file. `record`: the path of the commit's record,
/// which is no name for it. Errors: refused (the reason why it can't be kept so), io, permission, no_space (another
/// file system than the base's without room for a copy; on the base's own the caller adds up).
[[nodiscard]] Result<KeepPlan> plan_keeping(const Image& base, const std::string& record, const KeepRequest& request,
                                            const EarlierKeeping& earlier);

struct KeepSteps {
  /// Called once with what is about to get its name, whole but not `complete`: must be durable when it returns, so that
  /// a later run knows the file for its own.
  std::function<Result<void>(const KeptBase&)> announce;
  std::function<void(std::uint64_t copied)> progress;  ///< bytes; may be empty
  std::stop_token stop;
};

/// Keeps the base as the plan says. The file has its name, all its bytes and the base's owner and mode, durably, when
/// this returns; before that, no file of that name exists. Only while nothing has been written to the base. Errors: io,
/// no_space, permission, refused (a file of that name came meanwhile), interrupted.
[[nodiscard]] Result<KeptBase> keep_base(const Storage& base, const KeepPlan& plan, const KeepSteps& steps);

/// For a file that has its name since a run that was cut off: makes the name durable. Errors: io.
[[nodiscard]] Result<KeptBase> confirm_kept(KeptBase kept);

}  // namespace qchain
