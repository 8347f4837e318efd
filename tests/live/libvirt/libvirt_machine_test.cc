// The client of libvirt alone, without a command above it, on a real domain with the test guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "live/libvirt/open.h"
#include "tests/live/support/libvirt_lab.h"
#include "tests/support/qemu.h"

namespace qchain::live {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

class LibvirtMachine : public test::LibvirtLab {
 protected:
  void SetUp() override {
    disks_ = test::SessionLibvirt::Disks::another_beside;
    LibvirtLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    auto opened = open_domain(libvirt().uri(), "vm1");
    ASSERT_TRUE(opened) << describe(opened.error());
    machine_ = *std::move(opened);
  }

  Disk disk() {
    auto disks = machine_->disks();
    EXPECT_TRUE(disks) << describe(disks.error());
    EXPECT_EQ(disks->size(), 1U);
    return disks->front();
  }

  void snapshot(const std::string& name) {
    const Disk before = disk();
    test::create_overlay(file(name), before.active().file, name_of(before.active().format));
    libvirt().own(file(name));
    const auto made = machine_->snapshot(before, file(name));
    ASSERT_TRUE(made) << describe(made.error());
    guest().run(80);
    guest().resume();
  }

  /// By events alone.
  Phase wait_for_news_of_job() {
    const auto until = Clock::now() + std::chrono::minutes(4);
    while (true) {
      const auto event = machine_->next_event(until, {});
      if (!event || !*event) {
        ADD_FAILURE() << (event ? "no event" : describe(event.error()));
        return Phase::failed;
      }
      EXPECT_NE((*event)->kind, Event::Kind::stopped);
      if ((*event)->kind == Event::Kind::job) {
        return (*event)->state.phase;
      }
    }
  }

  void start(const CommitJob& job) {
    const auto started = machine_->start_commit(disk(), job);
    ASSERT_TRUE(started) << describe(started.error());
    EXPECT_EQ(*started, "vda");
  }

  template <typename Value>
  static void expect_refused(const Result<Value>& result, ErrorKind kind, const char* words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, kind) << describe(result.error());
    EXPECT_THAT(describe(result.error()), HasSubstr(words));
  }

  std::unique_ptr<Machine> machine_;
};

TEST_F(LibvirtMachine, CommitsUnderAGuestAndSaysInWordsWhatItCannotDo) {
  expect_refused(open_domain(libvirt().uri(), "vm2"), ErrorKind::not_found, "no domain 'vm2'");
  for (const char* name : {"a", "b", "c"}) {
    snapshot(name);
  }
  ASSERT_EQ(disk().layers.size(), 4U);
  EXPECT_EQ(disk().active().file, file("c"));
  EXPECT_TRUE(disk().layers[1].node.starts_with("vda[")) << disk().layers[1].node;
  EXPECT_THAT(libvirt().virsh({"domblklist", "vm1"}), HasSubstr(file("other.vmdk") + "\n")) << "no snapshot of that";

  const auto begin = [&](std::size_t base, std::size_t top) {
    return machine_->start_commit(disk(), {.base = base, .top = top, .backing_name = "/x", .bytes_per_second = 0});
  };
  expect_refused(begin(2, 1), ErrorKind::invalid_argument, "no layer of this index lies there");
  expect_refused(begin(1, 1), ErrorKind::invalid_argument, "no layer of this index lies there");
  expect_refused(machine_->pivot("vda"), ErrorKind::invalid_argument, "no job is running");
  expect_refused(machine_->pivot("vdx"), ErrorKind::invalid_argument, "no such disk");
  expect_refused(machine_->finalize("vda"), ErrorKind::unsupported, "holds no job");

  start({.base = 0, .top = 2, .backing_name = file("base.raw"), .bytes_per_second = 0});
  EXPECT_EQ(wait_for_news_of_job(), Phase::completed);
  const auto over = machine_->job("vda");
  ASSERT_TRUE(over && *over);
  EXPECT_EQ((*over)->done, disk_size);
  ASSERT_TRUE(machine_->dismiss("vda"));
  EXPECT_EQ(*machine_->job("vda"), std::nullopt);
  ASSERT_EQ(disk().layers.size(), 2U);
  EXPECT_EQ(disk().layers[0].file, file("base.raw"));
  expect_unharmed(guest(), "commit of a, b");

  start({.base = 0, .top = 1, .backing_name = {}, .bytes_per_second = mebibyte});
  EXPECT_EQ(disk().job, "vda");
  expect_refused(begin(0, 1), ErrorKind::locked, "a job is running");
  ASSERT_TRUE(machine_->cancel("vda"));
  EXPECT_EQ(wait_for_news_of_job(), Phase::cancelled);
  ASSERT_TRUE(machine_->dismiss("vda"));
  EXPECT_EQ(disk().layers.size(), 2U);
  expect_unharmed(guest(), "cancelled");

  start({.base = 0, .top = 1, .backing_name = {}, .bytes_per_second = mebibyte});
  ASSERT_TRUE(machine_->set_speed("vda", 0));
  EXPECT_EQ(wait_for_news_of_job(), Phase::ready);
  EXPECT_EQ((*machine_->job("vda"))->phase, Phase::ready);
  ASSERT_TRUE(machine_->pivot("vda"));
  EXPECT_EQ(wait_for_news_of_job(), Phase::completed);
  EXPECT_EQ(disk().layers.size(), 1U);
  expect_unharmed(guest(), "active commit, pivot");

  expect_right_at_the_end(file("base.raw"), "raw");
  const auto gone = machine_->next_event(Clock::now() + std::chrono::minutes(1), {});
  ASSERT_TRUE(gone && *gone);
  EXPECT_EQ((*gone)->kind, Event::Kind::gone);
}

TEST_F(LibvirtMachine, NoticesADaemonThatIsSilentOrGoneAndTheGuestGoesOn) {
  libvirt().send(SIGSTOP);
  const auto silent = machine_->disks();
  libvirt().send(SIGCONT);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind, ErrorKind::io) << describe(silent.error());
  machine_ = *open_domain(libvirt().uri(), "vm1");
  ASSERT_TRUE(machine_->disks());
  libvirt().send(SIGKILL);
  const auto event = machine_->next_event(Clock::now() + std::chrono::minutes(1), {});
  ASSERT_FALSE(event);
  EXPECT_THAT(describe(event.error()), HasSubstr("connection to libvirt is lost"));
  expect_unharmed(guest(), "libvirtd is gone");
  libvirt().restart();
}

}  // namespace
}  // namespace qchain::live
