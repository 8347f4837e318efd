#include "tests/commit/crash/sim_machine.h"

#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

#include "tests/support/memory_file.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

/// Bytes in memory under a real file's name.
class NamedFile final : public ForwardingStorage {
 public:
  NamedFile(SharedWritable bytes, SimFile file) : ForwardingStorage(std::move(bytes)), file_(std::move(file)) {}
  [[nodiscard]] const std::string& name() const noexcept override { return file_.path; }
  [[nodiscard]] FileIdentity identity() const noexcept override { return file_.identity; }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor; }

 private:
  SimFile file_;
};

class SimGate final : public WritingGate {
 public:
  explicit SimGate(const std::vector<SharedWritable>& files) : files_(files) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override {
    const auto identity = identity_of(request.path);
    SharedWritable found = identity ? find(*identity) : nullptr;
    if (!found) {
      return std::unexpected(make_error(ErrorKind::not_found, "no such file").in(request.path));
    }
    if (expects_leftovers_ && writable(*identity)) {
      QC_TRY(found->sync());
    }
    return found;
  }
  void will_write(FileIdentity file) override { announced_.push_back(file); }
  void expect_leftovers() override { expects_leftovers_ = true; }
  void forget() override { announced_.clear(); }
  [[nodiscard]] SharedWritable writable(FileIdentity file) const override {
    return std::ranges::find(announced_, file) == announced_.end() ? nullptr : find(file);
  }

 private:
  [[nodiscard]] SharedWritable find(FileIdentity identity) const {
    const auto found = std::ranges::find(files_, identity, [](const SharedWritable& file) { return file->identity(); });
    return found == files_.end() ? nullptr : *found;
  }

  const std::vector<SharedWritable>& files_;
  std::vector<FileIdentity> announced_;
  bool expects_leftovers_ = false;
};

/// The record of the base, on a disk of its own; any other file has none.
class SimRecords final : public RecordStore {
 public:
  SimRecords(SharedWritable disk, RecordTexts& texts, FaultPlan* faults)
      : disk_(std::move(disk)), texts_(texts), faults_(faults) {}

  [[nodiscard]] Result<std::optional<CommitRecord>> load() const override {
    QC_TRY(faults_ != nullptr ? faults_->pass_reading("load", "record") : Result<void>{});
    if (!disk_) {
      return std::nullopt;
    }
    ByteVector bytes(disk_->size());
    QC_TRY(disk_->read(0, bytes));
    return record_on(bytes, texts_);
  }

  [[nodiscard]] Result<void> save(const CommitRecord& record) override {
    if (!disk_) {
      throw std::logic_error("a record was saved beside a file that is not the base");
    }
    QC_TRY(faults_ != nullptr ? faults_->pass("save", "record") : Result<void>{});
    texts_.push_back(to_json(record));
    QC_TRY(disk_->write(0, big_endian(std::uint64_t{texts_.size()})));
    return disk_->sync();
  }

  [[nodiscard]] Result<void> remove() override { throw std::logic_error("an offline commit removed its record"); }

 private:
  SharedWritable disk_;
  RecordTexts& texts_;
  FaultPlan* faults_;
};

}  // namespace

std::optional<CommitRecord> record_on(Bytes disk, const RecordTexts& texts) {
  if (disk.empty()) {
    return std::nullopt;
  }
  auto record = parse_record(texts.at(load_be<std::uint64_t>(disk, 0) - 1));
  if (!record) {
    throw std::runtime_error(describe(record.error()));
  }
  return *std::move(record);
}

class SimMachine::Machinery {
 public:
  Machinery(const std::vector<SimFile>& files, Disks disks, RecordTexts& texts, SimHooks hooks)
      : texts_(texts), hooks_(hooks), base_(files.at(0).identity) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      memories_.push_back(std::make_shared<MemoryFile>(std::move(disks.at(i))));
      files_.push_back(faulty(recorded(std::make_shared<NamedFile>(memories_.back(), files[i]), i)));
    }
    memories_.push_back(std::make_shared<MemoryFile>(std::move(disks.at(files.size()))));
    record_disk_ = recorded(memories_.back(), files.size());
  }

  [[nodiscard]] CommitSurroundings surroundings() {
    const auto records = [this](const std::string& base) {
      const bool is_base = identity_of(base) == base_;
      return std::make_unique<SimRecords>(is_base ? record_disk_ : nullptr, texts_, hooks_.faults);
    };
    return {.looking = gate_, .working = gate_, .records = records, .progress = {}, .stop = {}};
  }
  [[nodiscard]] SimGate& gate() noexcept { return gate_; }
  [[nodiscard]] Disks disks() const {
    Disks all;
    std::ranges::transform(memories_, std::back_inserter(all), [](const auto& memory) { return memory->bytes(); });
    return all;
  }
  [[nodiscard]] std::optional<CommitRecord> record() const { return record_on(memories_.back()->bytes(), texts_); }

 private:
  [[nodiscard]] SharedWritable recorded(SharedWritable file, std::size_t number) const {
    return hooks_.log == nullptr ? file : std::make_shared<RecordingStorage>(std::move(file), number, *hooks_.log);
  }
  [[nodiscard]] SharedWritable faulty(SharedWritable file) const {
    return hooks_.faults == nullptr ? file : std::make_shared<FaultyStorage>(std::move(file), *hooks_.faults);
  }

  RecordTexts& texts_;
  SimHooks hooks_;
  FileIdentity base_;
  std::vector<std::shared_ptr<MemoryFile>> memories_;
  std::vector<SharedWritable> files_;
  SharedWritable record_disk_;
  SimGate gate_{files_};
};

SimMachine::SimMachine(const std::vector<SimFile>& files, Disks disks, RecordTexts& texts, SimHooks hooks)
    : machinery_(std::make_unique<Machinery>(files, std::move(disks), texts, hooks)) {}

SimMachine::~SimMachine() = default;

Result<CommitReport> SimMachine::run_commit(const CommitRequest& request,
                                            std::function<void(std::uint64_t, std::uint64_t)> progress) {
  CommitSurroundings surroundings = machinery_->surroundings();
  surroundings.progress = std::move(progress);
  return commit(request, surroundings);
}

Result<CommitPlan> SimMachine::run_plan(const CommitRequest& request) {
  return plan_only(request, machinery_->surroundings());
}

Disks SimMachine::disks() const {
  return machinery_->disks();
}

Result<ByteVector> SimMachine::read_view(const std::string& image, std::optional<ImageFormat> format) {
  const Chain chain = QC_TRY(Chain::open(image, machinery_->gate(), {.format = format}));
  return read_all(View({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches({.index = 0, .clusters = 0})));
}

std::optional<CommitRecord> SimMachine::record() const {
  return machinery_->record();
}

}  // namespace qchain::test
