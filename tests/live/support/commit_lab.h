#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/live/support/lab.h"
#include "tests/live/support/tested.h"
#include "tests/support/child.h"

namespace qchain::test {

/// A guest on base.raw <- a <- b <- c with data in each; what is tested merges a and b into the base, by QMP.
class CommitLab : public Lab {
 protected:
  /// `base_folder`: where the base lies; empty: with the others.
  void start(const std::string& base_folder = {});
  /// The same with all images in one folder, and started anew, so that QEMU's command line names all nodes.
  void start_in(const std::string& images);
  void end() { machine_.reset(); }
  /// Ends the machine and takes the images away.
  void clear();

  [[nodiscard]] VirtualMachine& machine() noexcept { return *machine_; }
  [[nodiscard]] LiveChain& chain() noexcept { return *chain_; }
  [[nodiscard]] Tested tested();

  /// `qchain commit` of all between base and the image that is second from the top.
  [[nodiscard]] std::unique_ptr<Child> begin_commit(const Arguments& more = {});
  [[nodiscard]] ProcessResult commit_again(const Arguments& more = {});
  [[nodiscard]] ProcessResult active_commit(const Arguments& more);
  /// It succeeds now, and everything is right: for the guest, QEMU, and on disk. Ends the machine.
  void expect_committed();

  /// Under a commit, which ends with an error, or was done.
  void kill_machine(Child& commit);
  /// Without the machine, which was killed: what the guest had flushed is there, before and afterwards.
  void expect_completed_offline();

  /// A new overlay with data, so that there is something to merge again.
  void next_round();

  /// By QEMU's word, what lies right under the active image.
  [[nodiscard]] bool is_merged();
  [[nodiscard]] bool is_as_before();
  /// How often something is killed: 2, or $QCHAIN_LIVE_KILLS for a campaign.
  [[nodiscard]] static int kills();
  [[nodiscard]] static bool is_campaign();
  Arguments engine_;  ///< more words for every commit

 private:
  void make_layers();
  [[nodiscard]] Arguments commit_words(const Arguments& more);
  [[nodiscard]] std::string file_below_active();

  std::optional<LiveChain> chain_;
  std::unique_ptr<VirtualMachine> machine_;
  std::string top_ = "b";
  int rounds_ = 0;
};

/// A guest offset whose bytes lie in this frozen image itself; ask before a job runs.
[[nodiscard]] std::uint64_t somewhere_in(const std::string& image);

/// Takes all room of the folder's file system but `left` bytes, and gives it back.
void fill(const std::string& folder, std::uint64_t left);
void make_room(const std::string& folder);

/// A QEMU without a guest that has an image open for writing, as a second virtual machine would.
class IdleQemu {
 public:
  IdleQemu(const std::string& socket, const std::string& image);

 private:
  LineListener watch_;
  Child process_;
  std::optional<Monitor> monitor_;
};

}  // namespace qchain::test
