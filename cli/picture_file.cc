#include "cli/picture_file.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "cli/fd_output.h"

namespace qchain::cli {
namespace {

constexpr std::string_view first_bytes = "<svg";
constexpr mode_t new_file_mode = 0666;  // less the user's umask

bool may_be_written(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status) || std::filesystem::is_character_file(status) ||
      std::filesystem::is_fifo(status)) {
    return true;  // nothing to lose: a new name, or a terminal or pipe such as /dev/stdout
  }
  std::string begin(first_bytes.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return std::filesystem::is_regular_file(status) && (begin == first_bytes || file.gcount() == 0);
}

}  // namespace

Result<PictureFile> PictureFile::open(const std::string& path) {
  if (!may_be_written(path)) {
    return std::unexpected(make_error(ErrorKind::refused, "exists and is not a drawing")
                               .in(path)
                               .advise("give another name to --svg, or remove it first"));
  }
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, new_file_mode));
  if (!fd.valid()) {
    return fail_errno(errno, "cannot write the drawing", path);
  }
  return PictureFile(std::move(fd), path);
}

Result<void> PictureFile::write(const Picture& picture) const {
  FdOutput output(fd_.get());
  std::ostream stream(&output);
  write_svg(stream, picture);
  stream.flush();
  if (output.failure() != 0) {
    return fail_errno(output.failure(), "cannot write the drawing", path_);
  }
  return {};
}

}  // namespace qchain::cli
