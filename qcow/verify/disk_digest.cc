#include "qcow/verify/disk_digest.h"

#include <optional>

#include "qcow/verify/ordered_reader.h"
#include "qcow/verify/sector_hash.h"
#include "qcow/verify/sha256.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;
constexpr std::size_t chunks_ahead = 8;

class Digesting {
 public:
  Digesting(const View& view, Range range, const DigestOptions& options)
      : range_(range), options_(options), walk_(view, range), reader_(view, options.threads, chunks_ahead) {
    if (options.kind == DigestKind::with_sha256) {
      sha256_.emplace();
    }
  }

  Result<DiskDigest> run() {
    Range to_read{range_.start, 0};
    while (const auto extent = walk_.next()) {
      if (extent->reads_zero() && extent->length >= chunk_size) {
        QC_TRY(read(to_read));
        QC_TRY(add_zeros(extent->length));
        to_read = {extent->end(), 0};
      } else {
        // Small holes are read along: stopping the readers for each would cost more.
        to_read = QC_TRY(read_whole_chunks(range_between(to_read.start, extent->end())));
      }
    }
    QC_TRY(read(to_read));
    QC_TRY(drain());
    return DiskDigest{
        .size = range_.length, .xxh3 = hash_.finish(), .sha256 = sha256_ ? QC_TRY(sha256_->finish()) : std::string()};
  }

 private:
  /// What is left of the range: less than a chunk.
  Result<Range> read_whole_chunks(Range range) {
    const Range rest = range_between(range.end() - range.length % chunk_size, range.end());
    QC_TRY(read(range_between(range.start, rest.start)));
    return rest;
  }

  Result<void> read(Range range) {
    while (!range.empty()) {
      if (!reader_.has_room()) {
        QC_TRY(add_oldest());
      }
      const Range chunk{range.start, std::min(chunk_size, range.length)};
      reader_.ask(chunk);
      range = range_between(chunk.end(), range.end());
    }
    return {};
  }

  Result<void> drain() {
    while (!reader_.empty()) {
      QC_TRY(add_oldest());
    }
    return {};
  }

  Result<void> add_oldest() {
    const auto taken = QC_TRY(reader_.take());
    hash_.add(taken.range.start, taken.bytes);
    if (sha256_) {
      sha256_->add(taken.bytes);
    }
    return advance(taken.range.length);
  }

  Result<void> add_zeros(std::uint64_t count) {
    if (!sha256_) {
      return advance(count);
    }
    QC_TRY(drain());  // all bytes in their order
    while (count > 0) {
      const std::uint64_t piece = std::min(count, 64 * chunk_size);  // between two looks at `stop`
      sha256_->add_zeros(piece);
      QC_TRY(advance(piece));
      count -= piece;
    }
    return {};
  }

  Result<void> advance(std::uint64_t bytes) {
    if (options_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    done_ += bytes;
    if (options_.progress) {
      options_.progress(done_, range_.length);
    }
    return {};
  }

  Range range_;
  const DigestOptions& options_;
  ExtentWalk walk_;
  OrderedReader reader_;
  SectorHash hash_;
  std::optional<Sha256> sha256_;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<DiskDigest> digest_of(const View& view, Range range, const DigestOptions& options) {
  return Digesting(view, range, options).run();
}

}  // namespace qchain
