// The guest and the bench it is tested on, driven by plain QMP: what finds every defect must be right itself.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/live/support/lab.h"
#include "tests/support/files.h"

namespace qchain::test {
namespace {

using nlohmann::json;

class TestGuest : public Lab {};

void commit(Monitor& monitor, const json& arguments) {
  json all = arguments;
  all["job-id"] = "j";
  all["auto-dismiss"] = false;
  monitor.execute("block-commit", all);
}

TEST_F(TestGuest, SeesNoErrorWhileQemuCommitsLayersBelowIt) {
  LiveChain chain(folder().path(), disk_size);
  for (const char* name : {"a", "b", "c"}) {
    chain.add_overlay(name);
  }
  const auto machine = boot(chain);
  Guest& guest = machine->guest();
  guest.run(200);
  snapshot(*machine, chain, "d");
  guest.resume();
  guest.work(100);
  commit(machine->monitor(), {{"device", "d"}, {"top-node", "c"}, {"base-node", "base"}});
  EXPECT_EQ(machine->monitor().wait_until_concluded("j"), "");
  expect_unharmed(*machine, "commit of a, b, c");
  expect_right_on_disk(*machine, chain.file("d"));
}

TEST_F(TestGuest, FindsOneWrongByteOfItsDisk) {
  LiveChain chain(folder().path(), disk_size);
  chain.add_overlay("c");
  const auto machine = boot(chain);
  machine->guest().run(300);
  snapshot(*machine, chain, "d");
  commit(machine->monitor(), {{"device", "d"}, {"top-node", "c"}, {"base-node", "base"}});
  EXPECT_EQ(machine->monitor().wait_until_concluded("j"), "");
  ASSERT_EQ(machine->guest().verify(), 0U);
  poke(chain.file("base"), 20 << 20, bytes_of("x"));
  EXPECT_EQ(machine->guest().verify(), 1U);
  EXPECT_TRUE(machine->guest().first_error().starts_with("block 5120: must be of operation"))
      << machine->guest().first_error();
}

TEST_F(TestGuest, LosesOnlyWhatItDidNotFlushWhenQemuIsKilled) {
  LiveChain chain(folder().path(), disk_size);
  chain.add_overlay("c");
  const auto machine = boot(chain);
  machine->guest().work(200);
  machine->kill();
  expect_right_after_kill(machine->guest(), chain.file("c"));
}

TEST_F(TestGuest, GoesOnWithWhatIsOnItsDisk) {
  LiveChain chain(folder().path(), disk_size);
  chain.add_overlay("c");
  const guest::Generation done = [&] {
    const auto first = boot(chain);
    first->guest().run(300);
    const guest::Generation all = first->guest().pause();
    first->quit();
    return all;
  }();
  const auto second = boot(chain, "guest.start=" + std::to_string(done));
  second->guest().work(50);
  expect_unharmed(*second, "booted again");
}

}  // namespace
}  // namespace qchain::test
