#include <gtest/gtest.h>

#include <cerrno>

#include "live/qmp/client.h"
#include "live/qmp/line_socket.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/live/fake_qemu.h"

namespace qchain::live::qmp {
namespace {

using namespace std::chrono_literals;
using test::event;
using test::FakeQemu;
using test::refused;
using test::returned;

constexpr Client::Options quick{.reply_timeout = 300ms};

std::unique_ptr<Client> connected(FakeQemu& qemu, Client::Options options = {}) {
  auto client = Client::open(qemu.take_socket(), options);
  return client ? *std::move(client) : nullptr;
}

FakeQemu::Script always(std::vector<Json> messages) {
  return [messages](const std::string&, const Json&) { return messages; };
}

TEST(QmpClient, ASocketThatIsNotThereIsAnErrorThatSaysWhereToLook) {
  const test::TempDir dir;
  const auto socket = LineSocket::connect(dir / "none.sock");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, ErrorKind::not_found);
  EXPECT_TRUE(socket.error().advice.contains("-qmp unix:"));
}

TEST(QmpClient, KnowsTheVersionFromTheGreeting) {
  FakeQemu qemu(always({}));
  EXPECT_EQ(connected(qemu)->version(), 702);
}

TEST(QmpClient, GivesTheResultOfACommand) {
  FakeQemu qemu(always({returned({{"status", "running"}})}));
  const auto answer = connected(qemu)->execute("query-status");
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((**answer)["status"], "running");
}

TEST(QmpClient, GivesQemusRefusalByClassAndText) {
  FakeQemu qemu(always({refused("Device 'nope' not found", "DeviceNotFound")}));
  const auto answer = connected(qemu)->execute("block-commit");
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().error_class, "DeviceNotFound");
  EXPECT_EQ(answer->error().text, "Device 'nope' not found");
}

TEST(QmpClient, KeepsAnEventThatComesBeforeTheAnswer) {
  FakeQemu qemu(always({event("BLOCK_JOB_READY"), event("STOP"), returned()}));
  const auto client = connected(qemu);
  ASSERT_TRUE(client->execute("query-jobs"));
  const auto first = client->next_event(Clock::now(), {});
  const auto second = client->next_event(Clock::now(), {});
  ASSERT_TRUE(first && *first && second && *second);
  EXPECT_EQ((**first)["event"], "BLOCK_JOB_READY");
  EXPECT_EQ((**second)["event"], "STOP");
}

TEST(QmpClient, PassesOverTheAnswerToAnotherId) {
  FakeQemu qemu(always({Json{{"return", "late"}, {"id", 4711}}, returned("right")}));
  const auto answer = connected(qemu)->execute("query-status");
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ(**answer, "right");
}

TEST(QmpClient, SaysWhatWasNotAnswered) {
  FakeQemu qemu(always({}));
  const auto client = connected(qemu, quick);
  const auto start = Clock::now();
  const auto answer = client->execute("query-jobs");
  ASSERT_FALSE(answer);
  EXPECT_LT(Clock::now() - start, 20s);
  EXPECT_EQ(answer.error().os_error, ETIMEDOUT);
  EXPECT_NE(describe(answer.error()).find("no answer to 'query-jobs' in 0.3 seconds"), std::string::npos)
      << describe(answer.error());
}

TEST(QmpClient, ASilentGreetingIsAnError) {
  FakeQemu qemu(always({}), "");
  const auto client = Client::open(qemu.take_socket(), quick);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().os_error, ETIMEDOUT);
}

TEST(QmpClient, AnswersThatTrickleDoNotPutOffTheTimeout) {
  FakeQemu qemu(always({Json("{\"return\""), Json(": {}, ")}));
  const auto answer = connected(qemu, quick)->execute("query-jobs");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().os_error, ETIMEDOUT);
}

TEST(QmpClient, SomethingElseThanQmpIsRefused) {
  for (const char* greeting : {"SSH-2.0-OpenSSH_9.2", "[]", "{\"hello\":1}", "\x01\xff"}) {
    FakeQemu qemu(always({}), greeting);
    const auto client = Client::open(qemu.take_socket(), quick);
    ASSERT_FALSE(client) << greeting;
    EXPECT_EQ(client.error().kind, ErrorKind::unsupported) << greeting;
  }
}

TEST(QmpClient, AConnectionThatClosesInTheMiddleIsAnError) {
  FakeQemu qemu(always({Json("{\"return\": {\"sta"), Json()}));
  const auto answer = connected(qemu)->execute("query-status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
  EXPECT_NE(answer.error().what.find("closed"), std::string::npos);
}

TEST(QmpClient, AMessageWithoutAnEndIsRefused) {
  FakeQemu qemu(always({Json(std::string(LineSocket::max_line + 70'000, ' '))}));
  const auto answer = connected(qemu)->execute("query-status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::limit);
}

TEST(QmpClient, WaitingForAnEventEndsAtItsTime) {
  FakeQemu qemu(always({returned()}));
  const auto client = connected(qemu);
  const auto nothing = client->next_event(Clock::now() + 50ms, {});
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST(QmpClient, WaitingForAnEventEndsWhenAStopIsAskedFor) {
  FakeQemu qemu(always({}));
  const auto client = connected(qemu);
  std::stop_source stop;
  const std::jthread other([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  const auto start = Clock::now();
  const auto nothing = client->next_event(Clock::now() + 60s, stop.get_token());
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(QmpClient, ANameThatIsNotUtf8CannotBeSaid) {
  FakeQemu qemu(always({returned()}));
  const auto answer = connected(qemu)->execute("blockdev-del", {{"node-name", "\xff"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace qchain::live::qmp
