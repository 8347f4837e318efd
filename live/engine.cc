#include "live/engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "qcow/commit/keep_base.h"
#include "qcow/commit/unfinished.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {
namespace {

/// Of QEMU's requests to a file that it has open with cache.direct.
constexpr std::uint64_t largest_alignment = 4096;

/// The conditions of LiveEngine::clone, the cheap ones first.
class CloneConditions {
 public:
  CloneConditions(const LiveRequest& request, Machine& machine, const Disk& disk, const Selection& selection)
      : request_(request), machine_(machine), disk_(disk), selection_(selection) {}

  [[nodiscard]] Result<void> check() const {
    if (request_.ending == Ending::keep_overlay) {
      return no(disk_.name, "a copy of one moment is QEMU's to make");
    }
    if (selection_.base != 0 || selection_.base_layer().image->format() != ImageFormat::raw) {
      return no(base_file(), "is not a raw image at the bottom of the chain");
    }
    QC_TRY(check_file());
    QC_TRY(check_layers());
    QC_TRY(check_sharing());
    return machine_.can_switch_backing(disk_, selection_.base, selection_.overlay());
  }

 private:
  static std::unexpected<Error> no(const std::string& file, std::string_view why) {
    return std::unexpected(make_error(ErrorKind::unsupported, why).in(file));
  }
  [[nodiscard]] const std::string& base_file() const { return selection_.base_layer().file; }

  /// The base's name is going to mean another file: one that only has that name, and nothing that a copy would lack.
  [[nodiscard]] Result<void> check_file() const {
    struct stat status{};
    if (::lstat(base_file().c_str(), &status) != 0) {
      return fail_errno(errno, "cannot stat", base_file());
    }
    if (!S_ISREG(status.st_mode)) {
      return no(base_file(), "is not a regular file");
    }
    if (status.st_nlink != 1) {
      return no(base_file(), fmt::format("has {} hard links, and only one can be replaced", status.st_nlink));
    }
    if (!is_aligned(std::max(selection_.base_layer().image->storage().size(), selection_.top_layer().image->size()),
                    largest_alignment)) {
      return no(base_file(),
                "has a size that is no multiple of 4096, which QEMU might not write to once it is replaced");
    }
    if (::llistxattr(base_file().c_str(), nullptr, 0) > 0) {
      return no(base_file(), "has extended attributes (labels or an access list), which a new file would lack");
    }
    return check_owner(status.st_uid, status.st_gid);
  }

  /// By trying it with a nameless file: QEMU, and whoever else may use the base, has to be able to open the new one.
  [[nodiscard]] Result<void> check_owner(uid_t user, gid_t group) const {
    const std::string folder = std::filesystem::path(base_file()).parent_path().string();
    const UniqueFd file(::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (!file.valid()) {
      return fail_errno(errno, "cannot make a file beside it", base_file());
    }
    if (::fchown(file.get(), user, group) != 0) {
      return no(base_file(), "belongs to an owner or a group that this user can't give a new file to");
    }
    return {};
  }

  [[nodiscard]] Result<void> check_layers() const {
    const auto device_of = [&](std::size_t i) {
      return selection_.chain.layer(i).image->data_storage().identity().device;
    };
    for (std::size_t i = selection_.base + 1; i <= selection_.top; ++i) {
      if (device_of(i) != device_of(selection_.base)) {
        return no(selection_.chain.layer(i).file, "lies on another file system than the base");
      }
    }
    return {};
  }

  /// By trying it.
  [[nodiscard]] Result<void> check_sharing() const {
    const std::string record = FileRecordStore(record_anchor(selection_.chain, selection_.base)).path();
    const KeepRequest wish{.file = new_base_name(base_file()), .copy = CopyToKeep::refuse};
    if (auto planned = plan_keeping(*selection_.base_layer().image, record, wish, {}); !planned) {
      Error error = std::move(planned).error();
      error.advice.clear();  // about an option that was not given
      return std::unexpected(std::move(error));
    }
    return {};
  }

  const LiveRequest& request_;
  Machine& machine_;
  const Disk& disk_;
  const Selection& selection_;
};

}  // namespace

std::string new_base_name(const std::string& base) {
  return base + ".qchain-new";
}

std::string empty_image_name(const std::string& base) {
  return base + ".qchain-empty";
}

Result<EngineDecision> decide_engine(const LiveRequest& request, const LiveSurroundings& around, const Disk& disk,
                                     const Selection& selection) {
  if (request.engine == EngineChoice::qemu) {
    return EngineDecision{.engine = LiveEngine::qemu, .reason = "as asked for"};
  }
  auto holds = CloneConditions(request, around.machine, disk, selection).check();
  if (holds) {
    return EngineDecision{.engine = LiveEngine::clone, .reason = "blocks can be shared, and the base be replaced"};
  }
  if (request.engine == EngineChoice::clone) {
    return std::unexpected(std::move(holds).error().advise("--engine=qemu does without; nothing was changed"));
  }
  return EngineDecision{.engine = LiveEngine::qemu, .reason = "not clone: " + describe(holds.error())};
}

}  // namespace qchain::live
