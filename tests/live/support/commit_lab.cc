#include "tests/live/support/commit_lab.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr guest::Generation layer_work = 120;

Arguments joined(Arguments words, const Arguments& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string filler(const std::string& folder) {
  return folder + "/filler";
}

}  // namespace

void CommitLab::start(const std::string& base_folder) {
  chain_.emplace(folder().path(), disk_size, base_folder);
  make_layers();
  machine_->guest().resume();
}

void CommitLab::start_in(const std::string& images) {
  chain_.emplace(images, disk_size);
  make_layers();
  const guest::Generation done = machine_->guest().pause();
  machine_->quit();
  machine_.reset();
  machine_ = boot(*chain_, "guest.start=" + std::to_string(done));
  machine_->guest().work(1);  // until it has said what it has flushed: a kill is judged by that
}

void CommitLab::make_layers() {
  machine_ = boot(*chain_);
  top_ = "b";
  for (const char* name : {"a", "b", "c"}) {
    machine_->guest().run(layer_work);
    snapshot(*machine_, *chain_, name);
  }
  machine_->guest().run(layer_work);
}

void CommitLab::clear() {
  machine_.reset();
  for (const char* name : {"base", "a", "b", "c"}) {
    std::filesystem::remove(chain_->file(name));
  }
  std::filesystem::remove(chain_->file("base") + ".qchain.json");
}

Tested CommitLab::tested() {
  return {.target = {"--qmp", machine_->qmp()},
          .guest = &machine_->guest(),
          .folder = folder().path(),
          .unharmed = [this](const std::string& step) { expect_unharmed(*machine_, step); }};
}

Arguments CommitLab::commit_words(const Arguments& more) {
  return joined(joined({"--base", chain_->file("base"), "--top", chain_->file(top_)}, engine_), more);
}

std::unique_ptr<Child> CommitLab::begin_commit(const Arguments& more) {
  return std::make_unique<Child>(tested().words("commit", "vda", commit_words(more)));
}

ProcessResult CommitLab::commit_again(const Arguments& more) {
  return tested().qchain("commit", "vda", commit_words(more));
}

ProcessResult CommitLab::active_commit(const Arguments& more) {
  return tested().qchain("commit", "vda", joined({"--active", "--pivot"}, more));
}

void CommitLab::expect_committed() {
  const ProcessResult done = commit_again();
  ASSERT_EQ(done.status, 0) << done.err;
  expect_unharmed(*machine_, "committed");
  EXPECT_TRUE(is_merged());
  expect_right_on_disk(*machine_, chain_->active());
  const ProcessResult sound = run({"qemu-img", "check", "-q", chain_->active()});
  EXPECT_TRUE(sound.ok()) << sound.out << sound.err;
}

void CommitLab::kill_machine(Child& commit) {
  machine_->kill();
  const std::string said = commit.read_errors();
  EXPECT_THAT(commit.wait(), testing::AnyOf(0, 2)) << said;
}

void CommitLab::expect_completed_offline() {
  expect_right_after_kill(machine_->guest(), chain_->active());
  const ProcessResult offline =
      run({QCHAIN_BINARY, "commit", "--base", chain_->file("base"), "--top", chain_->file("b"), chain_->active()});
  ASSERT_EQ(offline.status, 0) << offline.err;
  expect_right_after_kill(machine_->guest(), chain_->active());
  constexpr int leaks_only = 3;  // a QEMU that is killed may leave clusters that nobody uses
  EXPECT_THAT(run({"qemu-img", "check", "-q", chain_->active()}).status, testing::AnyOf(0, leaks_only));
}

void CommitLab::next_round() {
  const ProcessResult retired = run({QCHAIN_BINARY, "retire", chain_->file("base")});
  ASSERT_EQ(retired.status, 0) << retired.err;
  top_ = chain_->active_node();
  snapshot(*machine_, *chain_, "r" + std::to_string(rounds_++));
  machine_->guest().work(layer_work);
}

std::string CommitLab::file_below_active() {
  const nlohmann::json blocks = machine_->monitor().execute("query-block");
  return blocks.at(0).at("inserted").value("backing_file", std::string());
}

bool CommitLab::is_merged() {
  return file_below_active() == chain_->file("base");
}

bool CommitLab::is_as_before() {
  return file_below_active() == chain_->file(top_);
}

int CommitLab::kills() {
  const char* given = std::getenv("QCHAIN_LIVE_KILLS");  // NOLINT(concurrency-mt-unsafe): no other thread
  return given != nullptr ? std::atoi(given) : 2;
}

bool CommitLab::is_campaign() {
  return std::getenv("QCHAIN_LIVE_KILLS") != nullptr;  // NOLINT(concurrency-mt-unsafe): no other thread
}

std::uint64_t somewhere_in(const std::string& image) {
  const std::string map = must_run({"qemu-img", "map", "-U", "--output=json", image});
  const std::vector<MapEntry> entries = parse_map(map);
  const auto found = std::ranges::find_if(entries, [](const MapEntry& e) { return e.depth == 0 && e.data; });
  if (found == entries.end()) {
    throw std::runtime_error("no data in " + image);
  }
  return found->start + found->length / 2;
}

void fill(const std::string& folder, std::uint64_t left) {
  struct statvfs status{};
  const UniqueFd file(::open(filler(folder).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (::statvfs(folder.c_str(), &status) != 0 ||
      ::posix_fallocate(file.get(), 0, static_cast<off_t>(status.f_bavail * status.f_frsize - left)) != 0) {
    throw std::runtime_error("cannot fill " + folder);
  }
}

void make_room(const std::string& folder) {
  std::filesystem::remove(filler(folder));
}

IdleQemu::IdleQemu(const std::string& socket, const std::string& image)
    : watch_(socket),
      process_({"setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display",
                "none", "-chardev", "socket,id=watch,path=" + socket, "-mon", "chardev=watch,mode=control", "-drive",
                "if=none,format=qcow2,file=" + image}) {
  monitor_.emplace(watch_.accept(process_.pid()));  // it answers when it has opened everything
}

}  // namespace qchain::test
