#pragma once

#include <optional>
#include <string>

#include "tests/commit/crash/crash_case.h"

namespace qchain::test {

/// Says what is wrong with a state that a crash left; nothing where all promises of a commit hold.
class Judge {
 public:
  /// Both outlive the judge.
  Judge(const CrashCase& crash_case, RecordTexts& texts) : case_(crash_case), texts_(texts) {}

  /// What must hold after a crash at any moment: the view, the overlay's header, and what the record promises.
  [[nodiscard]] std::optional<std::string> look(const Disks& disks) const;

  /// The commit run again on such a state completes, and all is as if it had never been interrupted.
  [[nodiscard]] std::optional<std::string> run_again(const Disks& disks) const;

  /// What must hold after a run that nothing disturbed: as look_at_finished(), and no cluster is lost.
  [[nodiscard]] std::optional<std::string> look_at_clean_run(const Disks& disks) const;

  /// What must hold, whatever is lost, once commit() has said that it is done.
  [[nodiscard]] std::optional<std::string> look_at_finished(const Disks& disks) const;

 private:
  [[nodiscard]] std::optional<std::string> look_at_view(SimMachine& machine) const;
  [[nodiscard]] std::optional<std::string> look_at_base(SimMachine& machine, std::uint64_t length) const;
  [[nodiscard]] std::optional<std::string> look_at_metadata(const Disks& disks) const;
  [[nodiscard]] std::optional<std::string> look_at_record(SimMachine& machine, const Disks& disks) const;
  [[nodiscard]] std::optional<std::string> look_at_header(const Disks& disks) const;
  [[nodiscard]] bool is_relinked(const Disks& disks) const;

  const CrashCase& case_;
  RecordTexts& texts_;
};

}  // namespace qchain::test
