#include "cli/picture_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace qchain::cli {
namespace {

constexpr std::string_view first_bytes = "<svg";

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

Result<void> write_picture(const std::string& path, const Picture& picture) {
  if (!may_be_written(path)) {
    return std::unexpected(make_error(ErrorKind::refused, "exists and is not a drawing")
                               .in(path)
                               .advise("give another name to --svg, or remove it first"));
  }
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  write_svg(file, picture);
  file.close();
  if (!file) {
    return fail_errno(errno != 0 ? errno : EIO, "cannot write the drawing", path);
  }
  return {};
}

}  // namespace qchain::cli
