// Runs a fuzz target without libFuzzer: over the files of a corpus, and over changed copies of each, the same ones
// every time. Usage: replay_TARGET FOLDER [CHANGES-PER-FILE]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/fuzz/qcow2_mutator.h"

// Only some targets have one.
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                                             unsigned int seed);

namespace {

using qchain::fuzz::Content;

constexpr std::size_t room_to_grow = 4096;

void run(const Content& content) {
  LLVMFuzzerTestOneInput(content.data(), content.size());
}

std::vector<std::filesystem::path> files_of(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

Content read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Changed as the target itself would: what is met once in a thousand such copies is met in every test run.
Content changed_by_target(Content content, std::mt19937_64& random) {
  const std::size_t size = content.size();
  content.resize(size + room_to_grow);
  content.resize(LLVMFuzzerCustomMutator(content.data(), size, content.size(), static_cast<unsigned>(random())));
  return content;
}

/// A few bytes changed, and every fourth time the end cut off.
Content changed(Content content, std::mt19937_64& random) {
  if (random() % 4 == 0) {
    content.resize(random() % (content.size() + 1));
  }
  for (std::uint64_t left = random() % 4; left > 0 && !content.empty(); --left) {
    content[random() % content.size()] = static_cast<std::uint8_t>(random());
  }
  return content;
}

}  // namespace

/// In place of libFuzzer's: one byte.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t /*max_size*/) {
  static std::minstd_rand random;  // NOLINT: one thread, and the same changes each time
  if (size > 0) {
    data[random() % size] = static_cast<std::uint8_t>(random() >> 8);
  }
  return size;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [CHANGES-PER-FILE]\n", argv[0]);
    return 2;
  }
  const long changes = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 0;
  const auto files = files_of(argv[1]);
  for (const auto& file : files) {
    const Content content = read_file(file);
    std::fprintf(stderr, "%s, %ld changed copies\n", file.c_str(), changes);  // the last line names a failing file
    run(content);
    std::mt19937_64 random(content.size());
    for (long i = 0; i < changes; ++i) {
      const bool by_target = LLVMFuzzerCustomMutator != nullptr && i % 2 == 0;
      run(by_target ? changed_by_target(content, random) : changed(content, random));
    }
  }
  return files.empty() ? 1 : 0;  // a corpus that is not there must not pass
}
