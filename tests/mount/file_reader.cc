#include "tests/mount/file_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "tests/support/views.h"

namespace qchain::test {

FileReader::FileReader(const std::string& path, int more_flags)
    : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | more_flags)) {
  if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), path);
}

ByteVector FileReader::read(std::uint64_t offset, std::size_t length) const {
  ByteVector bytes(length);
  std::size_t done = 0;
  while (done < length) {
    const ssize_t count = pread(fd_.get(), bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (count < 0) throw std::system_error(errno, std::generic_category(), "pread");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

std::vector<DataRun> FileReader::data_runs() const {
  std::vector<DataRun> runs;
  off_t position = 0;
  while ((position = lseek(fd_.get(), position, SEEK_DATA)) >= 0) {
    const off_t end = lseek(fd_.get(), position, SEEK_HOLE);
    if (end <= position) throw std::system_error(errno, std::generic_category(), "SEEK_HOLE");
    runs.push_back({static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(end)});
    position = end;
  }
  if (errno != ENXIO) throw std::system_error(errno, std::generic_category(), "SEEK_DATA");
  return runs;
}

testing::AssertionResult equal_bytes(Bytes expected, Bytes got) {
  if (expected.size() == got.size() && std::memcmp(expected.data(), got.data(), got.size()) == 0) {
    return testing::AssertionSuccess();
  }
  return same_bytes(expected, got);
}

int open_error(const std::string& path, int flags) {
  const UniqueFd file(open(path.c_str(), flags | O_CLOEXEC, 0600));
  return file.valid() ? 0 : errno;
}

}  // namespace qchain::test
