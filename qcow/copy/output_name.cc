#include "qcow/copy/output_name.h"

#include <sys/stat.h>

namespace qchain {

Result<void> check_output_name(const std::string& path, const Chain& chain) {
  if (path.contains('\0')) {
    return fail(ErrorKind::invalid_argument, "the output's name holds a NUL byte");
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return {};  // OutputFile says what is wrong with it, if anything
  }
  const FileIdentity target{.device = status.st_dev, .inode = status.st_ino};
  for (std::size_t position = 0; position < chain.depth(); ++position) {
    const Image& image = *chain.layer(position).image;
    if (image.storage().identity() == target || image.data_storage().identity() == target) {
      return std::unexpected(
          make_error(ErrorKind::refused, "belongs to the chain that is read").in(path).advise("choose another name"));
    }
  }
  return {};
}

}  // namespace qchain
