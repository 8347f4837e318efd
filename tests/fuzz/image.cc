// Target: a whole image: opened, walked, read. Input: an image file; what its header names is not there.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "qcow/chain/chain.h"
#include "qcow/chain/view.h"
#include "tests/fuzz/input.h"

using namespace qchain;

namespace {

constexpr std::uint64_t longest_read = 64 << 10;
constexpr int most_steps = 200;  // of a walk: a disk may have more extents than there is time

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(Bytes content) : content_(content) {}
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return content_.size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return {}; }
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
    fuzz::require(offset < end, "run_at() is asked for a range");
    const bool inside = offset < content_.size();
    return StoredRun{range_between(offset, inside ? std::min<std::uint64_t>(end, content_.size()) : end), inside};
  }
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

 private:
  std::string name_ = "fuzzed.qcow2";
  Bytes content_;
};

/// Gives the fuzzed image, and nothing of what it names.
class OneImageGate final : public Gate {
 public:
  explicit OneImageGate(Bytes content) : content_(content) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override {
    if (request.role != OpenRole::named_by_user) {
      return fail(ErrorKind::not_found, "nothing but the image is here");
    }
    return std::make_shared<MemoryStorage>(content_);
  }

 private:
  Bytes content_;
};

void check_read(const View& view, const Extent& extent) {
  std::vector<std::byte> bytes(std::min(extent.length, longest_read), std::byte{0xee});
  const auto read = view.read(extent.start, bytes);
  fuzz::require(extent.kind != ExtentKind::broken || !read, "a broken range is not readable");
  fuzz::require(!extent.reads_zero() || (read && is_zero(bytes)), "zeros read as zeros");
}

void walk(const View& view) {
  ExtentWalk walk(view, {0, view.size()});
  std::uint64_t reached = 0;
  for (int step = 0; step < most_steps; ++step) {
    const auto extent = walk.next();
    if (!extent) {
      fuzz::require(reached == view.size(), "a walk ends at the end");
      return;
    }
    fuzz::require(extent->start == reached && extent->length > 0, "a walk leaves no gap and goes on");
    fuzz::require(extent->end() <= view.size(), "a walk stays in the disk");
    reached = extent->end();
    check_read(view, *extent);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OneImageGate gate(std::as_bytes(std::span(data, size)));
  ChainOptions options;
  options.format = ImageFormat::qcow2;
  const auto chain = Chain::open("fuzzed.qcow2", gate, options);
  if (!chain) {
    return 0;
  }
  (void)chain->active().image->snapshots();
  (void)chain->active().image->bitmaps();
  auto slice = Slice::of(*chain, "", "");
  fuzz::require(slice.has_value(), "a chain is a slice of itself");
  const CacheBudget small{.index = 1 << 20, .clusters = 4 << 20};
  walk(View(*std::move(slice), ViewCaches(small)));
  return 0;
}
