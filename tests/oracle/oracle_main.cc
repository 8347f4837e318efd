// Makes random chains with qemu-img and compares what qchain reads of them with what QEMU reads.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <exception>

#include "tests/oracle/chain_check.h"
#include "tests/oracle/random_chain.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace qchain::test;

void report(const MadeChain& chain, std::uint64_t seed, const char* complaint) {
  std::printf("FAILED: chain of seed %" PRIu64 ": %s\n", seed, complaint);
  std::printf("again: oracle_chains --chains 1 --keep --seed %" PRIu64 "\nmade by:\n", seed);
  for (const std::string& line : chain.recipe.lines()) {
    std::printf("  %s\n", line.c_str());
  }
}

bool one_chain(std::uint64_t seed, bool keep) {
  TempDir folder;
  if (keep) {
    folder.keep();
  }
  MadeChain chain;
  try {
    chain = make_random_chain(folder.path(), seed);
    check_chain(chain, seed);
    return true;
  } catch (const std::exception& failure) {
    report(chain, seed, failure.what());
    if (keep) {
      std::printf("kept in %s\n", folder.path().c_str());
    }
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Compares random chains with QEMU");
  std::uint64_t chains = 50;
  std::uint64_t seed = 0;
  bool keep = false;
  app.add_option("--chains", chains, "how many")->envname("QCHAIN_CHAINS")->capture_default_str();
  const CLI::Option* given = app.add_option("--seed", seed, "of the first chain; each next one is 1 more");
  app.add_flag("--keep", keep, "keep the chains' folders");
  CLI11_PARSE(app, argc, argv);
  if (given->empty()) {
    seed = announced_seed();
  }
  std::uint64_t failures = 0;
  for (std::uint64_t i = 0; i < chains; ++i) {
    failures += one_chain(seed + i, keep) ? 0U : 1U;
  }
  std::printf("%" PRIu64 " chains from seed %" PRIu64 ", %" PRIu64 " failed\n", chains, seed, failures);
  return failures == 0 ? 0 : 1;
}
