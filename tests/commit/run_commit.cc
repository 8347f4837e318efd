#include "tests/commit/run_commit.h"

#include <stdexcept>

namespace qchain::test {

namespace {

std::unique_ptr<RecordStore> file_records(const std::string& base) {
  return std::make_unique<FileRecordStore>(base);
}

/// Asks to stop once something is noted.
class StoppingStore final : public RecordStore {
 public:
  StoppingStore(const std::string& base, std::stop_source& stop) : file_(base), stop_(stop) {}
  [[nodiscard]] Result<std::optional<CommitRecord>> load() const override { return file_.load(); }
  [[nodiscard]] Result<void> save(const CommitRecord& record) override {
    stop_.request_stop();
    return file_.save(record);
  }
  [[nodiscard]] Result<void> remove() override { return file_.remove(); }

 private:
  FileRecordStore file_;
  std::stop_source& stop_;
};

}  // namespace

CommitRequest request_for(const std::string& image, const std::string& base, const std::string& top) {
  CommitRequest request;
  request.image = image;
  request.layers = {.base = base, .top = top};
  return request;
}

Result<CommitReport> run_commit(const CommitRequest& request, const std::stop_token& stop) {
  FileGate looking(Locking::none);
  FileWritingGate working;
  return commit(request,
                {.looking = looking, .working = working, .records = file_records, .progress = {}, .stop = stop});
}

Result<CommitReport> run_commit_until_begun(const CommitRequest& request) {
  FileGate looking(Locking::none);
  FileWritingGate working;
  std::stop_source stop;
  return commit(request,
                {.looking = looking,
                 .working = working,
                 .records = [&stop](const std::string& base) { return std::make_unique<StoppingStore>(base, stop); },
                 .progress = {},
                 .stop = stop.get_token()});
}

Result<CommitReport> run_commit_until(const CommitRequest& request, std::uint64_t bytes) {
  FileGate looking(Locking::none);
  FileWritingGate working;
  std::stop_source stop;
  const auto progress = [&](std::uint64_t done, std::uint64_t) {
    if (done >= bytes) {
      stop.request_stop();
    }
  };
  return commit(request, {.looking = looking,
                          .working = working,
                          .records = file_records,
                          .progress = progress,
                          .stop = stop.get_token()});
}

Result<CommitPlan> run_plan(const CommitRequest& request) {
  FileGate looking(Locking::none);
  FileWritingGate working;
  return plan_only(request,
                   {.looking = looking, .working = working, .records = file_records, .progress = {}, .stop = {}});
}

CommitRecord record_of(const std::string& base) {
  const auto record = FileRecordStore(base).load();
  if (!record || !*record) {
    throw std::runtime_error("no record beside " + base);
  }
  return **record;
}

}  // namespace qchain::test
