#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

#include "live/libvirt/open.h"
#include "qcow/storage/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace qchain::live {
namespace {

/// As a daemon that hangs: connections are made, and that is all.
UniqueFd silent_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(socket.get(), 1), 0);
  return socket;
}

TEST(LibvirtConnection, IsGivenUpWhereTheDaemonIsSilent) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "sanitizers put themselves before libtirpc's functions, and don't find them in a library loaded later";
#endif
  const test::TempDir dir;
  const UniqueFd daemon = silent_socket(dir / "socket");
  const auto opened =
      open_domain("qemu+unix:///session?socket=" + dir / "socket", "vm1", std::chrono::milliseconds(300));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::io);
  EXPECT_EQ(opened.error().os_error, ETIMEDOUT);
  EXPECT_THAT(describe(opened.error()), testing::HasSubstr("libvirt does not answer in 0.3 seconds"));
}

TEST(LibvirtConnection, WithoutADaemonTheReasonIsLibvirts) {
  const test::TempDir dir;
  const auto opened = open_domain("qemu+unix:///session?socket=" + dir / "socket", "vm1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::io);
  EXPECT_THAT(describe(opened.error()), testing::HasSubstr("cannot connect: libvirt says: "));
  EXPECT_THAT(opened.error().advice, testing::HasSubstr("virsh -c URI list"));
}

}  // namespace
}  // namespace qchain::live
