#include "tests/oracle/command_check.h"

#include <algorithm>

#include "tests/oracle/mismatch.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

Arguments command(const std::string& name, const CommandCase& what, const std::string& format_flag) {
  return {QCHAIN_BINARY, name,        "--base",  std::to_string(what.base + 1), "--top", std::to_string(what.top + 1),
          format_flag,   what.format, what.image};
}

/// QEMU may say "data and zero" for preallocated clusters, and tells the place of clusters that nobody has.
bool alike(const MapEntry& ours, const MapEntry& theirs, std::uint64_t start) {
  if (ours.depth != theirs.depth || ours.present != theirs.present || ours.data != theirs.data) {
    return false;
  }
  if (!theirs.data && ours.zero != theirs.zero) {
    return false;
  }
  if (!ours.present) {
    return true;
  }
  if (ours.offset.has_value() != theirs.offset.has_value()) {
    return false;
  }
  return !ours.offset || *ours.offset + (start - ours.start) == *theirs.offset + (start - theirs.start);
}

void compare_maps(const std::vector<MapEntry>& ours, const std::vector<MapEntry>& theirs, std::uint64_t size) {
  auto our = ours.begin();
  auto their = theirs.begin();
  for (std::uint64_t start = 0; start < size;) {
    if (our == ours.end() || their == theirs.end()) {
      disagree("qchain map: one map ends at " + std::to_string(start));
    }
    if (!alike(*our, *their, start)) {
      disagree("qchain map at " + std::to_string(start) + ": " + to_string(*our) + ", qemu-img map " +
               to_string(*their));
    }
    start = std::min(our->start + our->length, their->start + their->length);
    if (our->start + our->length == start) {
      ++our;
    }
    if (their->start + their->length == start) {
      ++their;
    }
  }
}

void check_map_command(const CommandCase& what) {
  Arguments argv = command("map", what, "--format");
  argv.emplace_back("--output=json");
  compare_maps(parse_map(must_run(argv)), what.map, what.expected.size());
}

void check_copy_command(const CommandCase& what, const std::string& format) {
  const TempDir folder;
  const std::string out = folder / "copy";
  Arguments argv = command("copy", what, "--image-format");
  argv.insert(argv.end(), {out, "--format", format});
  must_run(argv);
  if (format == "qcow2") {
    qemu_img({"check", "-q", "-f", "qcow2", out});
  }
  const ByteVector got = format == "raw" ? read_file(out) : qemu_bytes(out, format);
  if (const auto offset = first_difference(what.expected, got)) {
    disagree("qchain copy to " + format + ": first difference at " + std::to_string(*offset));
  }
}

}  // namespace

void check_commands(const CommandCase& what) {
  check_map_command(what);
  check_copy_command(what, "raw");
  check_copy_command(what, "qcow2");
}

}  // namespace qchain::test
