#include "tests/fuzz/memory_files.h"

#include <algorithm>
#include <utility>

#include "tests/fuzz/input.h"

namespace qchain::fuzz {
namespace {

class MemoryStorage final : public Storage {
 public:
  MemoryStorage(std::string name, std::size_t number, Bytes content)
      : name_(std::move(name)), number_(number), content_(content) {}
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return content_.size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return {.device = 1, .inode = number_}; }
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    if (offset >= content_.size()) {
      return 0;
    }
    const std::size_t count = std::min<std::uint64_t>(into.size(), content_.size() - offset);
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    require(offset < end, "run_at() is asked for a range");
    const bool inside = offset < content_.size();
    return StoredRun{range_between(offset, inside ? std::min<std::uint64_t>(end, content_.size()) : end), inside};
  }
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

 private:
  std::string name_;
  std::size_t number_;
  Bytes content_;
};

}  // namespace

std::string image_name(std::size_t number) {
  return std::to_string(number) + ".img";
}

Result<SharedStorage> MemoryGate::open(const OpenRequest& request) {
  const std::string name = request.path.substr(request.path.rfind('/') + 1);
  for (std::size_t number = 0; number < contents_.size(); ++number) {
    if (name == image_name(number)) {
      return std::make_shared<MemoryStorage>(request.path, number, contents_[number]);
    }
  }
  return std::unexpected(make_error(ErrorKind::not_found, "no such file").in(request.path));
}

}  // namespace qchain::fuzz
