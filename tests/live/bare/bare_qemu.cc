#include "tests/live/bare/bare_qemu.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using live::qmp::Json;

/// Bottom first: each with the node below it.
Arguments named_nodes(const std::vector<std::string>& chain, BareQemu::Nodes kind) {
  Arguments options;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const std::string name = "n" + std::to_string(i + 1);
    const bool is_active = i + 1 == chain.size();
    Json format{
        {"driver", i == 0 ? "raw" : "qcow2"}, {"node-name", name}, {"file", name + "-file"}, {"discard", "unmap"}};
    format["read-only"] = !is_active;
    if (i > 0) {
      format["backing"] = "n" + std::to_string(i);
    }
    const Json storage{{"driver", std::filesystem::is_block_file(chain[i]) ? "host_device" : "file"},
                       {"node-name", name + "-file"},
                       {"filename", chain[i]},
                       {"auto-read-only", true},
                       {"discard", "unmap"}};
    for (const Json& node : {storage, format}) {
      options.insert(options.end(), {"-blockdev", node.dump()});
    }
  }
  std::string drive = "n" + std::to_string(chain.size());
  if (kind == BareQemu::Nodes::throttled) {
    const Json filter{{"driver", "throttle"}, {"node-name", "slow"}, {"throttle-group", "all"}, {"file", drive}};
    options.insert(options.end(), {"-object", "throttle-group,id=all", "-blockdev", filter.dump()});
    drive = "slow";
  }
  const std::string id = kind == BareQemu::Nodes::nameless ? "" : "id=vda,";
  options.insert(options.end(), {"-device", "virtio-blk-pci," + id + "drive=" + drive});
  return options;
}

Arguments drive(const std::vector<std::string>& chain) {
  return {"-drive", "if=none,id=vda,format=qcow2,file=" + chain.back(), "-device", "virtio-blk-pci,drive=vda"};
}

pid_t start_process(const Arguments& arguments) {
  std::vector<char*> words;
  for (const std::string& word : arguments) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  return pid;
}

/// QEMU opens its sockets before it answers on them.
std::unique_ptr<live::qmp::Client> connect(const std::string& path, pid_t pid) {
  using namespace std::chrono_literals;
  for (const auto end = live::Clock::now() + 60s; live::Clock::now() < end; std::this_thread::sleep_for(20ms)) {
    if (::waitpid(pid, nullptr, WNOHANG) != 0) {
      throw std::runtime_error("QEMU ended at once");
    }
    if (auto socket = live::qmp::LineSocket::connect(path)) {
      if (auto client = live::qmp::Client::open(*std::move(socket))) {
        return *std::move(client);
      }
    }
  }
  throw std::runtime_error("QEMU does not listen on " + path);
}

}  // namespace

BareQemu::BareQemu(const std::string& folder, const std::vector<std::string>& chain, Nodes nodes,
                   const std::vector<std::string>& more)
    : folder_(folder),
      device_(nodes == Nodes::named || nodes == Nodes::throttled
                  ? "/machine/peripheral/vda/virtio-backend"
                  : "/machine/peripheral-anon/device[0]/virtio-backend") {
  Arguments command{"setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel",   "tcg",  "-m",
                    "16",      "-machine",    "q35",  "-nodefaults",        "-display", "none", "-S"};
  for (const char* name : {"qmp", "test"}) {
    command.insert(command.end(), {"-qmp", "unix:" + folder + "/" + name + ",server=on,wait=off"});
  }
  const Arguments block = nodes == Nodes::drive ? drive(chain) : named_nodes(chain, nodes);
  command.insert(command.end(), block.begin(), block.end());
  command.insert(command.end(), more.begin(), more.end());
  pid_ = start_process(command);
  monitor_ = connect(folder + "/test", pid_);
}

BareQemu::~BareQemu() {
  kill();
}

void BareQemu::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

Json BareQemu::ask(const std::string& command, Json arguments) {
  const auto answer = monitor_->execute(command, std::move(arguments));
  if (!answer || !*answer) {
    throw std::runtime_error(command + ": " + (answer ? answer->error().text : describe(answer.error())));
  }
  return **answer;
}

void BareQemu::guest(const std::string& qemu_io_command) {
  const Json said =
      ask("human-monitor-command", {{"command-line", "qemu-io -d " + device_ + " \"" + qemu_io_command + "\""}});
  if (said.get<std::string>().find("rror") != std::string::npos) {
    throw std::runtime_error(said.get<std::string>());
  }
}

void BareLab::SetUp() {
  if (folder_.empty()) {
    folder_ = dir_.path();
  }
  if (!run({"qemu-system-x86_64", "--version"}).ok()) {
    const char* ci = std::getenv("CI");
    ASSERT_TRUE(ci == nullptr || std::string(ci).empty()) << "no qemu-system-x86_64";
    GTEST_SKIP() << "no qemu-system-x86_64";
  }
  must_run({"qemu-img", "create", "-q", "-f", "raw", file("base.raw"), "32M"});
  qemu_io(file("base.raw"), {"write -P 1 0 8M"}, "raw");
  create_overlay(file("a.qcow2"), "base.raw", "raw");
  qemu_io(file("a.qcow2"), {"write -P 2 1M 4M"});
  create_overlay(file("b.qcow2"), "a.qcow2", "qcow2");
  qemu_io(file("b.qcow2"), {"write -P 3 3M 4M", "write -z 2M 512k", "write -P 5 16M 68k"});
  create_overlay(file("c.qcow2"), "b.qcow2", "qcow2");
  qemu_io(file("c.qcow2"), {"write -P 4 5M 1M"});
  must_run({"qemu-img", "convert", "-O", "raw", file("c.qcow2"), file("before")});
}

void BareLab::start(BareQemu::Nodes nodes, const std::vector<std::string>& more) {
  qemu_ = std::make_unique<BareQemu>(
      folder_, std::vector{file("base.raw"), file("a.qcow2"), file("b.qcow2"), file("c.qcow2")}, nodes, more);
}

void BareLab::expect_reads_as_before(const std::string& image, const std::string& format) const {
  const auto compared = run({"qemu-img", "compare", "-U", "-f", "raw", "-F", format, file("before"), image});
  EXPECT_TRUE(compared.ok()) << compared.out << compared.err;
}

}  // namespace qchain::test
