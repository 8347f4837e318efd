#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "tests/live/guest/workload.h"
#include "tests/live/support/line_socket.h"

namespace qchain::test {

/// The test guest, as its serial line shows it. What it answers: tests/live/guest/worker.h. All throw
/// std::runtime_error where it does not answer, or says that something went wrong.
class Guest {
 public:
  using Answer = std::map<std::string, std::uint64_t>;

  explicit Guest(LineSocket line) : line_(std::move(line)) {}

  /// Until the guest works; minutes, on a machine that is busy.
  void wait_until_ready();
  Answer ask(const std::string& command);

  /// The guest reads its whole disk: the number of errors it has seen since it started.
  [[nodiscard]] std::uint64_t verify();
  struct Report {
    guest::Generation done = 0;
    std::uint64_t errors = 0;
    std::chrono::microseconds stall{};  ///< longest operation since the last report
    std::chrono::microseconds flush{};  ///< longest flush since then
  };
  [[nodiscard]] Report report();
  /// Stops working, with all flushed; what it has done till then.
  guest::Generation pause();
  void resume() { ask("resume"); }
  /// 0: as fast as it can.
  void set_rate(unsigned operations_a_second) { ask("rate " + std::to_string(operations_a_second)); }
  /// Works until it has flushed that many more operations than now.
  void work(guest::Generation operations);
  /// That many operations as fast as it can, then it pauses; what it has done till then.
  guest::Generation run(guest::Generation operations);

  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  /// What it has said to be flushed, as far as it was heard. Hears all that has come.
  [[nodiscard]] guest::Generation flushed();
  /// The first error that it told in words.
  [[nodiscard]] const std::string& first_error() const noexcept { return first_error_; }

 private:
  std::string hear(std::chrono::milliseconds limit);
  void note(const std::string& line);
  Answer wait_for(const std::string& word);

  LineSocket line_;
  std::uint64_t blocks_ = 0;
  guest::Generation flushed_ = 0;
  std::string first_error_;
};

}  // namespace qchain::test
