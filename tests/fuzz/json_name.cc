// Target: the object of a json: backing name, any text. Input: what stands behind "json:".
#include "qcow/chain/json_name.h"

#include <array>
#include <string_view>

#include "qcow/format/limits.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/qcow2_mutator.h"

using namespace qchain;

namespace {

void check(const BackingTarget& target) {
  fuzz::require(target.path.find('\0') == std::string::npos, "a file name holds no NUL byte");
  fuzz::require(target.overrides_next || !target.next, "only an override says what lies below");
  if (target.next) {
    check(*target.next);
  }
}

/// What such names are made of.
constexpr std::array<std::string_view, 28> words = {"{",
                                                    "}",
                                                    "[",
                                                    "]",
                                                    ":",
                                                    ",",
                                                    "\"",
                                                    "\"driver\":",
                                                    "\"file\":",
                                                    "\"qcow2\"",
                                                    "\"raw\"",
                                                    "\"file\"",
                                                    "\"filename\":",
                                                    "\"backing\":",
                                                    "null",
                                                    "{}",
                                                    "\"file.filename\":",
                                                    "\"file.driver\":",
                                                    "\"backing.file.filename\":",
                                                    "\"backing.driver\":",
                                                    "\"offset\":",
                                                    "\"0.img\"",
                                                    "\"\\u0000\"",
                                                    "\"nbd\"",
                                                    "1e999",
                                                    "-1",
                                                    "true",
                                                    "\"a.b.c.d\":"};

void change(fuzz::Content& text, fuzz::Random& random) {
  if (random() % 4 == 0) {
    return fuzz::mutate_window(text, random);
  }
  const std::string_view word = words[random() % words.size()];
  const auto at = text.begin() + static_cast<std::ptrdiff_t>(random() % (text.size() + 1));
  const auto covered = static_cast<std::ptrdiff_t>(random() % 2 == 0 ? 0 : random() % 24);
  const auto rest = text.erase(at, at + std::min(covered, text.end() - at));
  text.insert(rest, word.begin(), word.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, format::max_backing_name));
  if (const auto target = parse_json_name(text)) {
    check({target->path, target->format.value_or(ImageFormat::raw), target->overrides_next, target->next});
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  return fuzz::changed_in_place(data, size, max_size, [&](fuzz::Content& text) { change(text, random); });
}
