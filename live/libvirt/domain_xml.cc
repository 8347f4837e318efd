#include "live/libvirt/domain_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

namespace qchain::live {
namespace {

/// Far more layers than QEMU opens; ends a chain that has no end.
constexpr std::size_t deepest = 8192;

Result<pugi::xml_document> parsed(const std::string& xml) {
  pugi::xml_document document;
  if (const auto result = document.load_buffer(xml.data(), xml.size()); !result) {
    return fail(ErrorKind::corrupt,
                fmt::format("libvirt's description of the domain is no XML: {}", result.description()));
  }
  return document;
}

std::string file_of(const pugi::xml_node& source) {
  for (const char* where : {"file", "dev"}) {
    if (const auto attribute = source.attribute(where)) {
      return attribute.value();
    }
  }
  return {};
}

Result<ImageFormat> format_of(const char* name, const std::string& file) {
  for (const ImageFormat format : {ImageFormat::raw, ImageFormat::qcow2}) {
    if (std::string_view(name) == name_of(format)) {
      return format;
    }
  }
  return std::unexpected(make_error(ErrorKind::unsupported, fmt::format("its format is {}", name)).in(file));
}

/// The layers below and with `place`, which is a <disk> or <backingStore>, from the top down.
Result<std::vector<DiskLayer>> layers_of(const pugi::xml_node& disk, const std::string& target) {
  std::vector<DiskLayer> layers;
  const char* format = disk.child("driver").attribute("type").value();
  for (pugi::xml_node place = disk; (place.child("source") != nullptr) && layers.size() < deepest;) {
    const pugi::xml_node source = place.child("source");
    const std::string file = file_of(source);
    if (file.empty()) {
      return fail(ErrorKind::unsupported,
                  fmt::format("an image of disk '{}' is neither a file nor a block device", target));
    }
    // libvirt tells the index of the active image in its <source>, and that of the others in their <backingStore>.
    const char* index = place == disk ? source.attribute("index").value() : place.attribute("index").value();
    layers.push_back({.file = file,
                      .format = QC_TRY(format_of(format, file)),
                      .node = fmt::format("{}[{}]", target, index),
                      .file_node = {}});
    place = place.child("backingStore");
    format = place.child("format").attribute("type").value();
  }
  return layers;
}

Result<Disk> disk_of(const pugi::xml_node& element) {
  const std::string target = element.child("target").attribute("dev").value();
  Disk disk{.name = target, .device = target, .layers = QC_TRY(layers_of(element, target)), .job = {}};
  std::ranges::reverse(disk.layers);
  for (std::size_t i = 0; i < disk.layers.size(); ++i) {
    disk.layers[i].index = i + 1;
  }
  if (element.child("mirror") != nullptr) {
    disk.job = target;
  }
  return disk;
}

}  // namespace

Result<std::vector<Disk>> disks_of(const std::string& xml) {
  const pugi::xml_document document = QC_TRY(parsed(xml));
  std::vector<Disk> disks;
  for (const pugi::xml_node& element : document.child("domain").child("devices").children("disk")) {
    if (!file_of(element.child("source")).empty()) {
      disks.push_back(QC_TRY(disk_of(element)));
    }
  }
  return disks;
}

bool is_ready(const std::string& xml, const std::string& disk) {
  const auto document = parsed(xml);
  if (!document) {
    return false;
  }
  const auto devices = document->child("domain").child("devices");
  const auto found = devices.find_child(
      [&](const pugi::xml_node& element) { return element.child("target").attribute("dev").value() == disk; });
  return std::string_view(found.child("mirror").attribute("ready").value()) == "yes";
}

std::string snapshot_xml(const std::vector<Disk>& disks, const Disk& disk, const std::string& file) {
  pugi::xml_document document;
  auto list = document.append_child("domainsnapshot").append_child("disks");
  for (const Disk& other : disks) {
    auto element = list.append_child("disk");
    element.append_attribute("name") = other.device.c_str();
    element.append_attribute("snapshot") = other.device == disk.device ? "external" : "no";
    if (other.device == disk.device) {
      element.append_child("driver").append_attribute("type") = "qcow2";
      element.append_child("source").append_attribute("file") = file.c_str();
    }
  }
  std::ostringstream text;
  document.save(text);
  return text.str();
}

}  // namespace qchain::live
