#pragma once

#include <chrono>
#include <string>

#include "tests/live/guest/disk.h"
#include "tests/live/guest/serial_line.h"

namespace qchain::guest {

/// What the kernel's command line says: guest.seed=N guest.start=N guest.fill=N guest.rate=N guest.learn=1.
struct Settings {
  std::uint64_t seed = 1;
  Generation start = 0;      ///< operations that the disk has seen already
  Generation fill = 0;       ///< see Workload
  std::uint64_t rate = 200;  ///< operations a second; 0: as fast as it goes
  bool learn = false;        ///< expect what is there, in the place of what `start` operations leave
  bool paused = false;       ///< wait for "resume"
};
[[nodiscard]] Settings read_settings(const std::string& command_line);

/// Works on the disk for ever, and obeys:
///   verify          reads and checks the whole disk       -> verify blocks= errors=
///   report          -> report ops= flushed= errors= stall_us= flush_us=   (longest operation and flush since last
///   asked) pause, resume   pause also flushes                     -> pause ops= rate N          operations a second ->
///   rate N run N           that many operations at full speed, then flushes and pauses      -> run ops= flush -> flush
///   ops=
/// Errors are those since the start. Without being asked it says "ready blocks= ops=", "flushed N" after each flush,
/// and "error WHAT" for the first of new errors.
class Worker {
 public:
  Worker(Disk& disk, SerialLine& line, const Settings& settings);
  void begin();
  void step();

 private:
  using Clock = std::chrono::steady_clock;
  void obey(const std::string& command);
  void operate();
  void flush();
  void say(const std::string& what, const std::string& values);
  [[nodiscard]] int wait_milliseconds() const;

  Disk& disk_;
  SerialLine& line_;
  Settings settings_;
  Workload workload_;
  Generation done_;
  Generation flushed_;
  std::chrono::microseconds stall_{};
  std::chrono::microseconds flush_stall_{};
  Clock::time_point next_ = Clock::now();
};

}  // namespace qchain::guest
