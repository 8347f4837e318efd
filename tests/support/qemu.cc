#include "tests/support/qemu.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

Arguments with(Arguments first, const Arguments& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

Arguments convert_command(const std::string& path, const std::string& format, const std::string& out) {
  Arguments command{"qemu-img", "convert", "-t", "unsafe"};
  if (!format.empty()) {
    command = with(command, {"-f", format});
  }
  return with(command, {"-O", "raw", path, out});
}

}  // namespace

std::string qemu_img(const Arguments& arguments) {
  return must_run(with({"qemu-img"}, arguments));
}

Arguments create_command(const std::string& path, const ImageSpec& spec) {
  Arguments command{"qemu-img", "create", "-q", "-f", "qcow2"};
  if (!spec.options.empty()) {
    command = with(command, {"-o", spec.options});
  }
  if (!spec.backing.empty()) {
    command = with(command, {"-b", spec.backing});
  }
  if (!spec.backing_format.empty()) {
    command = with(command, {"-F", spec.backing_format});
  }
  command.push_back(path);
  if (spec.size) {
    command.push_back(std::to_string(*spec.size));
  }
  return command;
}

void create_qcow2(const std::string& path, const ImageSpec& spec) {
  must_run(create_command(path, spec));
}

void create_overlay(const std::string& path, const std::string& backing, const std::string& backing_format,
                    const std::string& options) {
  create_qcow2(path, {.options = options, .backing = backing, .backing_format = backing_format, .size = {}});
}

Arguments qemu_io_command(const std::string& path, const std::string& format,
                          const std::vector<std::string>& commands) {
  Arguments command{"qemu-io", "-t", "unsafe", "-d", "unmap", "-f", format, path};
  for (const std::string& line : commands) {
    command = with(command, {"-c", line});
  }
  return command;
}

void qemu_io(const std::string& path, const std::vector<std::string>& commands, const std::string& format) {
  must_run(qemu_io_command(path, format, commands));
}

std::optional<ByteVector> try_qemu_bytes(const std::string& path, const std::string& format) {
  const TempDir folder;
  const std::string out = folder / "flat.raw";
  return run(convert_command(path, format, out)).ok() ? std::optional(read_file(out)) : std::nullopt;
}

ByteVector qemu_bytes(const std::string& path, const std::string& format) {
  const TempDir folder;
  const std::string out = folder / "flat.raw";
  must_run(convert_command(path, format, out));
  return read_file(out);
}

std::string to_string(const MapEntry& entry) {
  std::string text = "[" + std::to_string(entry.start) + ", +" + std::to_string(entry.length) + ")";
  text += " depth " + std::to_string(entry.depth) + (entry.present ? " present" : "") + (entry.zero ? " zero" : "");
  return text + (entry.data ? " data" : "") + (entry.offset ? " offset " + std::to_string(*entry.offset) : "");
}

std::vector<MapEntry> parse_map(const std::string& json) {
  std::vector<MapEntry> entries;
  for (const auto& row : nlohmann::json::parse(json)) {
    MapEntry entry{.start = row["start"],
                   .length = row["length"],
                   .depth = row["depth"],
                   .present = row["present"],
                   .zero = row["zero"],
                   .data = row["data"],
                   .offset = {}};
    if (row.contains("offset")) {
      entry.offset = row["offset"].get<std::uint64_t>();
    }
    entries.push_back(entry);
  }
  return entries;
}

std::vector<MapEntry> qemu_map(const std::string& path, const std::string& format) {
  Arguments command{"map", "--output=json"};
  if (!format.empty()) {
    command = with(command, {"-f", format});
  }
  command.push_back(path);
  return parse_map(qemu_img(command));
}

}  // namespace qchain::test
