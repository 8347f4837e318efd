#include "qcow/storage/allowed_folders.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "qcow/storage/judged_open.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

namespace {

/// Where an open file really is. Asked of the descriptor, not of a name that may mean another file by now.
Result<std::string> real_path(int descriptor, const std::string& name) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor), error);
  if (error) {
    return fail_errno(error.value(), "cannot tell where it is without /proc", name);
  }
  return path.string();
}

bool lies_in(std::string_view path, std::string_view folder) {
  if (!path.starts_with(folder)) {
    return false;
  }
  return folder.ends_with('/') || path.size() == folder.size() || path[folder.size()] == '/';
}

}  // namespace

Result<AllowedFolders> AllowedFolders::only(const std::vector<std::string>& folders) {
  AllowedFolders allowed;
  for (const std::string& folder : folders) {
    const UniqueFd fd(::open(folder.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.valid()) {
      return fail_errno(errno, "cannot be allowed", folder);
    }
    allowed.real_paths_.push_back(QC_TRY(real_path(fd.get(), folder)));
  }
  return allowed;
}

Result<void> AllowedFolders::judge(const OpenRequest& request, int descriptor) const {
  if (real_paths_.empty() || request.role == OpenRole::named_by_user) {
    return {};
  }
  const std::string path = QC_TRY(real_path(descriptor, request.path));
  if (std::ranges::any_of(real_paths_, [&](const std::string& folder) { return lies_in(path, folder); })) {
    return {};
  }
  const std::string what = path == request.path ? "lies in no folder that --allow names"
                                                : fmt::format("is '{}', in no folder that --allow names", path);
  return std::unexpected(with_origin(make_error(ErrorKind::refused, what).in(request.path), request));
}

}  // namespace qchain
