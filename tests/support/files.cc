#include "tests/support/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace qchain::test {
namespace {

[[noreturn]] void give_up(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

class File {
 public:
  File(std::string path, int flags)
      : path_(std::move(path)), descriptor_(::open(path_.c_str(), flags | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) {
      give_up(path_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(descriptor_); }

  [[nodiscard]] std::uint64_t size() const {
    struct stat facts{};
    if (::fstat(descriptor_, &facts) != 0) {
      give_up(path_);
    }
    return static_cast<std::uint64_t>(facts.st_size);
  }
  void read(std::uint64_t offset, MutableBytes into) const {
    while (!into.empty()) {
      const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
      if (count <= 0) {
        give_up(path_ + " (read)");
      }
      offset += static_cast<std::uint64_t>(count);
      into = into.subspan(static_cast<std::size_t>(count));
    }
  }
  void write(std::uint64_t offset, Bytes bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count <= 0) {
        give_up(path_ + " (write)");
      }
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void resize(std::uint64_t length) const {
    if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0) {
      give_up(path_);
    }
  }
  /// Where the next data or hole begins; the end of the file when there is none.
  [[nodiscard]] std::uint64_t seek(std::uint64_t offset, int whence) const {
    const off_t found = ::lseek(descriptor_, static_cast<off_t>(offset), whence);
    return found < 0 ? size() : static_cast<std::uint64_t>(found);
  }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace

ByteVector read_file(const std::string& path) {
  return read_file(path, 0, file_size(path));
}

ByteVector read_file(const std::string& path, std::uint64_t offset, std::size_t length) {
  ByteVector bytes(length);
  File(path, O_RDONLY).read(offset, bytes);
  return bytes;
}

std::uint64_t file_size(const std::string& path) {
  return File(path, O_RDONLY).size();
}

void write_file(const std::string& path, Bytes bytes) {
  File(path, O_WRONLY | O_CREAT | O_TRUNC).write(0, bytes);
}

void make_hole_file(const std::string& path, std::uint64_t length) {
  File(path, O_WRONLY | O_CREAT | O_TRUNC).resize(length);
}

void resize_file(const std::string& path, std::uint64_t length) {
  File(path, O_WRONLY).resize(length);
}

void poke(const std::string& path, std::uint64_t offset, Bytes bytes) {
  File(path, O_WRONLY).write(offset, bytes);
}

void flip_bit(const std::string& path, std::uint64_t offset) {
  ByteVector byte = read_file(path, offset, 1);
  byte[0] ^= std::byte{1};
  poke(path, offset, byte);
}

void copy_with_holes(const std::string& from, const std::string& to) {
  std::filesystem::create_directories(std::filesystem::path(to).parent_path());
  const File source(from, O_RDONLY);
  const File target(to, O_WRONLY | O_CREAT | O_TRUNC);
  const std::uint64_t size = source.size();
  target.resize(size);
  for (std::uint64_t start = source.seek(0, SEEK_DATA); start < size;) {
    const std::uint64_t end = source.seek(start, SEEK_HOLE);
    ByteVector bytes(end - start);
    source.read(start, bytes);
    target.write(start, bytes);
    start = source.seek(end, SEEK_DATA);
  }
}

}  // namespace qchain::test
