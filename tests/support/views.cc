#include "tests/support/views.h"

#include "tests/support/qemu.h"

namespace qchain::test {
Result<Chain> open_chain(const std::string& image, const ChainOptions& options) {
  FileGate gate(Locking::shared_read);
  return Chain::open(image, gate, options);
}

std::shared_ptr<View> make_view(const Slice& slice, const ViewCaches& caches) {
  return std::make_shared<View>(slice, caches);
}

Result<std::shared_ptr<View>> open_view(const std::string& image, const ChainOptions& options) {
  const Chain chain = QC_TRY(open_chain(image, options));
  return make_view(Slice{chain, 0, chain.depth() - 1});
}

Result<ByteVector> read_all(const View& view) {
  ByteVector bytes(view.size());
  if (!bytes.empty()) {
    QC_TRY(view.read(0, bytes));
  }
  return bytes;
}

Result<ByteVector> read_image(const std::string& image, const ChainOptions& options) {
  const std::shared_ptr<View> view = QC_TRY(open_view(image, options));
  return read_all(*view);
}

Extents extents_of(const View& view, Range range) {
  Extents extents;
  ExtentWalk walk(view, range);
  while (const std::optional<Extent> extent = walk.next()) {
    extents.push_back(*extent);
  }
  return extents;
}

Extents extents_of(const View& view) {
  return extents_of(view, {0, view.size()});
}

std::string to_string(const Extent& extent) {
  std::string text = "[" + std::to_string(extent.start) + ", +" + std::to_string(extent.length) + ") " +
                     name_of(extent.kind) + " layer " + std::to_string(extent.layer);
  if (extent.has_offset()) {
    text += " offset " + std::to_string(extent.offset);
  }
  if (extent.packed_size != 0) {
    text += " packed " + std::to_string(extent.packed_size);
  }
  if (extent.fault != format::Fault::none) {
    text += std::string(" fault: ") + format::describe(extent.fault);
  }
  return text;
}

testing::AssertionResult same_bytes(Bytes expected, Bytes got) {
  if (expected.size() != got.size()) {
    return testing::AssertionFailure() << "expected " << expected.size() << " bytes, got " << got.size();
  }
  const auto offset = first_difference(expected, got);
  if (!offset) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "first difference at offset " << *offset << ": expected "
                                     << static_cast<unsigned>(expected[*offset]) << ", got "
                                     << static_cast<unsigned>(got[*offset]);
}

testing::AssertionResult reads_like_qemu(const std::string& image) {
  const ByteVector expected = qemu_bytes(image);
  const Result<ByteVector> got = read_image(image);
  if (!got) {
    return testing::AssertionFailure() << "not read: " << describe(got.error());
  }
  return same_bytes(expected, *got);
}

testing::AssertionResult is_refused(const std::string& image, ErrorKind kind, std::string_view words,
                                    const ChainOptions& options) {
  const Result<ByteVector> got = read_image(image, options);
  if (got) {
    return testing::AssertionFailure() << "read without an error";
  }
  const std::string line = describe(got.error());
  if (got.error().kind != kind) {
    return testing::AssertionFailure() << "refused, but as kind " << static_cast<int>(got.error().kind) << ": " << line;
  }
  if (line.find(words) == std::string::npos) {
    return testing::AssertionFailure() << "the line does not say \"" << words << "\": " << line;
  }
  return testing::AssertionSuccess();
}

}  // namespace qchain::test
