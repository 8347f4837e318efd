#include "fusefs/reporter.h"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <iterator>

namespace qchain::fusefs {

// A reader that goes on behind a failure stays inside the extent that was reported.
Reporter::Verdict Reporter::judge(const UnreadablePlace& place) {
  const std::scoped_lock lock(mutex_);
  auto& ranges = seen_[place.file];
  const auto after = ranges.upper_bound(place.guest.start);
  if (after != ranges.begin() && std::prev(after)->second > place.guest.start) {
    return Verdict::silent;
  }
  if (said_ > max_places) {
    return Verdict::silent;
  }
  if (++said_ > max_places) {
    return Verdict::say_enough;
  }
  ranges.insert_or_assign(place.guest.start, place.guest.end());
  return Verdict::say_it;
}

void Reporter::unreadable(const UnreadablePlace& place, const Error& error) {
  switch (judge(place)) {
    case Verdict::say_it:
      sink_(fmt::format("guest offset {} is unreadable: {}", place.guest.start, describe(error)));
      return;
    case Verdict::say_enough:
      sink_(fmt::format("more than {} places are unreadable; further ones are not reported", max_places));
      return;
    case Verdict::silent:
      return;
  }
}

Reporter::Sink stderr_sink() {
  // Not by fmt::print: it throws where nobody reads any more, and the mount has to go on.
  return [](const std::string& line) {
    const std::string text = fmt::format("qchain: {}\n", line);
    [[maybe_unused]] const std::size_t written = std::fwrite(text.data(), 1, text.size(), stderr);
  };
}

Reporter::Sink syslog_sink() {
  openlog("qchain", LOG_PID | LOG_NDELAY, LOG_DAEMON);
  return [](const std::string& line) { syslog(LOG_WARNING, "%s", line.c_str()); };
}

}  // namespace qchain::fusefs
