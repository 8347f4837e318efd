#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/io.h"
#include "cli/live_commit.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "qcow/commit/plan.h"
#include "qcow/verify/disk_digest.h"

namespace qchain::cli {

inline constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// How far a commit goes beyond the merge itself.
enum class Afterwards : std::uint8_t { nothing, verify, verify_and_retire };

/// What --verify says when it stands alone, in the words of CLI11.
constexpr const char* plain_verify = "true";

struct CommitCommandOptions {
  SourceOptions source;
  bool shallow = false;
  bool dry_run = false;
  std::string verify;  ///< empty: not asked for
  bool sha256 = false;
  bool retire = false;
  std::uint64_t bandwidth = 0;  ///< MiB a second
  std::vector<std::string> scan;
  BitmapChoice bitmaps = BitmapChoice::refuse;
  std::string keep_base;
  bool keep_base_copy = false;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
  LiveCommitOptions live;

  [[nodiscard]] Afterwards afterwards() const {
    if (retire) {
      return Afterwards::verify_and_retire;
    }
    return verify.empty() ? Afterwards::nothing : Afterwards::verify;
  }

  [[nodiscard]] std::optional<DigestKind> whole_digest() const {
    if (verify != "full") {
      return std::nullopt;
    }
    return sha256 ? DigestKind::with_sha256 : DigestKind::quick;
  }
};

/// The bars of a commit's two long steps, one after the other.
class CommitProgress {
 public:
  CommitProgress(Io& io, ProgressStyle style) : io_(io), style_(style) {}
  [[nodiscard]] auto of(const char* step) {
    return [this, step](std::uint64_t done, std::uint64_t total) {
      if (step_ != step) {
        shown_.reset();
        shown_.emplace(io_, style_, step);
        step_ = step;
        last_ = 0;
      }
      if (done < last_) {  // another job of the same kind
        shown_.emplace(io_, style_, step);
      }
      last_ = done;
      shown_->update(done, total);
    };
  }
  /// Before something else is printed.
  void end_line() {
    shown_.reset();
    step_ = nullptr;
    last_ = 0;
  }

 private:
  Io& io_;
  ProgressStyle style_;
  const char* step_ = nullptr;
  std::optional<Progress> shown_;
  std::uint64_t last_ = 0;  ///< bytes done
};

}  // namespace qchain::cli
