#include "tests/fuzz/packed_chain.h"

#include <algorithm>

namespace qchain::fuzz {
namespace {

constexpr std::size_t length_size = 4;

Content content_of(Bytes bytes) {
  Content content(bytes.size());
  std::ranges::transform(bytes, content.begin(), [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
  return content;
}

void append(Content& packed, const Content& image) {
  std::byte length[length_size];
  store_be(MutableBytes(length), 0, static_cast<std::uint32_t>(image.size()));
  const Content prefix = content_of(length);
  packed.insert(packed.end(), prefix.begin(), prefix.end());
  packed.insert(packed.end(), image.begin(), image.end());
}

}  // namespace

std::vector<Bytes> unpack_chain(Bytes input) {
  std::vector<Bytes> images;
  while (input.size() >= length_size && images.size() < most_images) {
    const std::size_t length = std::min<std::size_t>(load_be<std::uint32_t>(input, 0), input.size() - length_size);
    images.push_back(input.subspan(length_size, length));
    input = input.subspan(length_size + length);
  }
  return images;
}

std::size_t mutate_chain(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned int seed) {
  Random random(seed);
  std::vector<Content> images;
  for (const Bytes image : unpack_chain(std::as_bytes(std::span(data, size)))) {
    images.push_back(content_of(image));
  }
  if (images.empty()) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  if (random() % 64 == 0) {
    std::swap(images[random() % images.size()], images[random() % images.size()]);
  } else {
    Content& image = images[random() % images.size()];
    mutate_image(image, image.size() + (max_size - std::min(size, max_size)), random);
  }
  Content packed;
  for (const Content& image : images) {
    append(packed, image);
  }
  const std::size_t length = std::min(packed.size(), max_size);
  std::copy_n(packed.begin(), length, data);
  return length;
}

}  // namespace qchain::fuzz
