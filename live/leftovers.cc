#include "live/leftovers.h"

#include <ranges>

#include "live/engine.h"
#include "qcow/commit/temporaries.h"

namespace qchain::live {
namespace {

/// What is merged, and what the commit has made for itself; top first.
std::vector<std::string> files_of_no_use(const CommitRecord& record) {
  std::vector<std::string> files;
  for (const RecordedFile& file : record.live->temporaries | std::views::reverse) {
    files.push_back(file.path);  // of a pivot the overlay
  }
  if (record.live->engine == LiveEngine::clone) {
    files.push_back(empty_image_name(record.base.path));
  }
  for (const RecordedFile& file : record.merged | std::views::reverse) {
    files.push_back(file.path);
  }
  if (record.live->engine == LiveEngine::clone) {
    files.push_back(record.base.path);  // what had the name before; what has it now is in use
  }
  return files;
}

}  // namespace

bool close_files(const Context& context, const std::vector<std::string>& files) {
  const auto closed = context.machine().close(files);
  if (!closed) {
    context.around.say("images that are of no use stay open: " + describe(closed.error()));
  }
  return closed.has_value();
}

Result<void> take_away(Context& context) {
  return close_files(context, files_of_no_use(context.record())) ? remove_temporaries(context.record(), *context.store)
                                                                 : Result<void>{};
}

}  // namespace qchain::live
