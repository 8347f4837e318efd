#include "qcow/verify/sha256.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace qchain {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* unused) const noexcept { EVP_MD_CTX_free(unused); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
  bool works = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}

Sha256::~Sha256() = default;

void Sha256::add(Bytes bytes) {
  state_->works = state_->works && EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1;
}

void Sha256::add_zeros(std::uint64_t count) {
  static constexpr std::array<std::byte, 65536> zeros{};
  while (count > 0) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(count, zeros.size()));
    add(Bytes(zeros).first(piece));
    count -= piece;
  }
}

Result<std::string> Sha256::finish() {
  std::array<unsigned char, 32> hash{};
  if (!state_->works || EVP_DigestFinal_ex(state_->context.get(), hash.data(), nullptr) != 1) {
    return fail(ErrorKind::io, "OpenSSL cannot make a SHA-256 digest");
  }
  return fmt::format("{:02x}", fmt::join(hash, ""));
}

}  // namespace qchain
