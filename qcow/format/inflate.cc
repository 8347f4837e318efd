#include "qcow/format/inflate.h"

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace qchain::format {
namespace {

constexpr int qcow2_window_bits = -12;  // negative: raw deflate, without header and checksum

struct FreeDeflate {
  void operator()(libdeflate_decompressor* decompressor) const noexcept { libdeflate_free_decompressor(decompressor); }
};
struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};
struct EndInflate {
  void operator()(z_stream* stream) const noexcept { inflateEnd(stream); }
};

std::unexpected<Error> bad_data() {
  return fail(ErrorKind::corrupt, "compressed data does not inflate to a cluster");
}
std::unexpected<Error> no_memory() {
  return fail(ErrorKind::limit, "no memory for a decompressor");
}

/// QEMU's verdict on a stream that libdeflate refuses: good if the cluster is full, although the stream would go on or
/// its end is missing. libdeflate leaves no partial output, so zlib starts anew.
Result<void> inflate_unfinished(Bytes packed, MutableBytes cluster) {
  z_stream stream{};
  if (inflateInit2(&stream, qcow2_window_bits) != Z_OK) {
    return no_memory();
  }
  const std::unique_ptr<z_stream, EndInflate> end(&stream);
  // zlib takes the input as non-const unless ZLIB_CONST is defined, and never writes to it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(cluster.data());
  stream.avail_out = static_cast<uInt>(cluster.size());
  const int status = ::inflate(&stream, Z_FINISH);
  if ((status == Z_STREAM_END || status == Z_BUF_ERROR) && stream.avail_out == 0) {
    return {};
  }
  return bad_data();
}

Result<void> inflate_deflate(Bytes packed, MutableBytes cluster) {
  thread_local const std::unique_ptr<libdeflate_decompressor, FreeDeflate> decompressor(
      libdeflate_alloc_decompressor());
  if (decompressor == nullptr) {
    return no_memory();
  }
  std::size_t consumed = 0;
  std::size_t produced = 0;
  const auto status = libdeflate_deflate_decompress_ex(decompressor.get(), packed.data(), packed.size(), cluster.data(),
                                                       cluster.size(), &consumed, &produced);
  if (status != LIBDEFLATE_SUCCESS) {
    return inflate_unfinished(packed, cluster);
  }
  return produced == cluster.size() ? Result<void>{} : bad_data();
}

Result<void> inflate_zstd(Bytes packed, MutableBytes cluster) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  if (context == nullptr) {
    return no_memory();
  }
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer input{packed.data(), packed.size(), 0};
  ZSTD_outBuffer output{cluster.data(), cluster.size(), 0};
  std::size_t wanted = 0;
  while (output.pos < output.size) {
    const std::size_t before = input.pos + output.pos;
    wanted = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(wanted) != 0 || input.pos + output.pos == before) {
      return bad_data();
    }
  }
  // A frame that is not over would have given more than a cluster.
  return wanted == 0 ? Result<void>{} : bad_data();
}

}  // namespace

Result<void> inflate(CompressionType type, Bytes packed, MutableBytes cluster) {
  return type == CompressionType::zstd ? inflate_zstd(packed, cluster) : inflate_deflate(packed, cluster);
}

}  // namespace qchain::format
