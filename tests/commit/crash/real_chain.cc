#include "tests/commit/crash/real_chain.h"

#include <algorithm>
#include <filesystem>

#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

RealChain::RealChain(std::uint64_t data, const std::string& base_folder)
    : base_((base_folder.empty() ? dir_.path() : base_folder) + "/base.raw"), active_(dir_ / "c.qcow2") {
  make_hole_file(base_, 2 * data);
  poke(base_, data / 2, telling_bytes(data / 4, 1));
  create_overlay(dir_ / "a.qcow2", base_, "raw");
  qemu_io(dir_ / "a.qcow2", {"write -P 2 0 " + number(data), "write -z " + number(data) + " 64k"});
  create_overlay(dir_ / "b.qcow2", "a.qcow2", "qcow2", "cluster_size=4k");
  qemu_io(dir_ / "b.qcow2", {"write -P 3 8k 4k", "write -P 4 " + number(data + data / 2) + " 12k"});
  create_overlay(active_, "b.qcow2", "qcow2");
  qemu_io(active_, {"write -P 5 4k 4k"});
  for (const std::string& path : {base_, dir_ / "a.qcow2", dir_ / "b.qcow2", active_}) {
    before_[path] = read_file(path);
  }
  view_ = qemu_bytes(active_);
  view_of_b_ = qemu_bytes(dir_ / "b.qcow2");
}

Arguments RealChain::commit_command(const Arguments& more) const {
  Arguments command = full_commit_command({"--base", base_, "--top", dir_ / "b.qcow2"});
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

Arguments RealChain::full_commit_command(const Arguments& more) const {
  Arguments command{QCHAIN_BINARY, "commit"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(active_);
  return command;
}

void RealChain::restore() const {
  for (const auto& [path, bytes] : before_) {
    write_file(path, bytes);
  }
  std::filesystem::remove(record());
  std::filesystem::remove(record() + ".new");
}

bool RealChain::is_untouched() const {
  return !std::filesystem::exists(record()) &&
         std::ranges::all_of(before_, [](const auto& file) { return read_file(file.first) == file.second; });
}

bool RealChain::view_is_the_same() const {
  return try_qemu_bytes(active_) == view_;
}

bool RealChain::is_merged() const {
  return read_file(base_) == view_of_b_ && qemu_img({"info", "-U", active_}).contains("base.raw");
}

}  // namespace qchain::test
