// Mounts a chain as `qchain mount` does, without the command line around it: mount_driver [-f] [-o OPTS] [--base L]
// [--top L] IMAGE MOUNTPOINT.
#include <cstdio>
#include <string>
#include <vector>

#include "fusefs/mount.h"
#include "qcow/chain/chain.h"
#include "qcow/storage/gate.h"

namespace {

struct Arguments {
  qchain::fusefs::MountOptions mount;
  std::string image, base, top;
};

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  std::vector<std::string> names;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-f") {
      arguments.mount.stay = qchain::fusefs::Stay::foreground;
    } else if (words[i] == "-o") {
      arguments.mount.fuse_options.push_back(words.at(++i));
    } else if (words[i] == "--base") {
      arguments.base = words.at(++i);
    } else if (words[i] == "--top") {
      arguments.top = words.at(++i);
    } else {
      names.push_back(words[i]);
    }
  }
  arguments.image = names.at(0);
  arguments.mount.mountpoint = names.at(1);
  return arguments;
}

qchain::Result<pid_t> mount(const Arguments& arguments) {
  qchain::FileGate gate(qchain::Locking::shared_read);
  const auto chain = QC_TRY(qchain::Chain::open(arguments.image, gate));
  auto slice = QC_TRY(qchain::Slice::of(chain, arguments.base, arguments.top));
  return qchain::fusefs::serve(std::move(slice), qchain::ViewCaches(), arguments.mount);
}

}  // namespace

int main(int count, char** words) {
  const auto served = mount(parse({words, words + count}));
  if (!served) {
    std::fprintf(stderr, "qchain: %s\n", qchain::describe(served.error()).c_str());
    return 2;
  }
  return 0;
}
