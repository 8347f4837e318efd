#include "tests/live/support/tested.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace qchain::test {
namespace {

/// Enough that every layer holds something of each kind.
constexpr guest::Generation some_work = 60;

/// A copy of what a layer that nobody writes to reads as.
class SavedView {
 public:
  explicit SavedView(const std::string& image) : copy_(image + ".saved") {
    must_run({"qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", image, copy_});
  }
  ~SavedView() { std::filesystem::remove(copy_); }
  SavedView(const SavedView&) = delete;
  SavedView& operator=(const SavedView&) = delete;
  void expect_in(const std::string& base) const {
    const ProcessResult same = run({"qemu-img", "compare", "-U", "-f", "raw", "-F", "raw", copy_, base});
    EXPECT_TRUE(same.ok()) << same.out << same.err;
  }

 private:
  std::string copy_;
};

void expect_sound(const Tested& tested, const std::string& image) {
  tested.guest->pause();
  const ProcessResult sound = run({"qemu-img", "check", "-U", image});
  EXPECT_TRUE(sound.ok()) << sound.out << sound.err;
  tested.guest->resume();
}

void expect_done(const ProcessResult& result, const std::string& words) {
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE((result.out + result.err).contains(words)) << result.out << result.err;
}

}  // namespace

Arguments Tested::words(const std::string& command, const std::string& disk, const Arguments& more) const {
  Arguments all{QCHAIN_BINARY, command};
  all.insert(all.end(), target.begin(), target.end());
  all.insert(all.end(), {"--disk", disk});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

ProcessResult Tested::qchain(const std::string& command, const std::string& disk, const Arguments& more) const {
  return run(words(command, disk, more));
}

void Tested::snapshot(const std::string& name) const {
  const ProcessResult made = qchain("snapshot", "vda=" + image(name));
  ASSERT_EQ(made.status, 0) << made.err;
  guest->work(some_work);
}

void run_article(const Tested& tested, const std::string& index_of_d) {
  const std::string base = tested.image("base");
  tested.guest->work(some_work);
  for (const char* name : {"a", "b", "c"}) {
    tested.snapshot(name);
  }
  tested.unharmed("snapshots a, b, c");
  {
    const SavedView b(tested.image("b"));
    expect_done(tested.qchain("commit", "vda", {"--base", base, "--top", tested.image("b"), "--verbose", "--delete"}),
                "Block Commit: [100 %]");
    b.expect_in(base);
    tested.unharmed("commit of a, b by file");
    expect_sound(tested, tested.image("c"));
  }
  for (const char* name : {"d", "e"}) {
    tested.snapshot(name);
  }
  {
    const SavedView d(tested.image("d"));
    expect_done(tested.qchain("commit", "vda", {"--base", "vda[1]", "--top", index_of_d, "--verbose", "--delete"}),
                "Block Commit: [100 %]");
    d.expect_in(base);
    tested.unharmed("commit of c, d by index");
    expect_sound(tested, tested.image("e"));
  }
  expect_done(tested.qchain("commit", "vda", {"--active", "--pivot", "--verbose"}), "Successfully pivoted");
  tested.unharmed("active commit with pivot");
  tested.guest->work(some_work);
  tested.unharmed("after it");
}

}  // namespace qchain::test
