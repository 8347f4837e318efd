#include "live/libvirt/domain_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
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

auto disks_in(const pugi::xml_document& document) {
  return document.child("domain").child("devices").children("disk");
}

std::string file_of(const pugi::xml_node& source) {
  for (const char* where : {"file", "dev"}) {
    if (const auto attribute = source.attribute(where)) {
      return attribute.value();
    }
  }
  return {};
}

std::optional<ImageFormat> format_of(std::string_view name) {
  for (const ImageFormat format : {ImageFormat::raw, ImageFormat::qcow2}) {
    if (name == name_of(format)) {
      return format;
    }
  }
  return std::nullopt;
}

/// The layers below and with `disk`, from the top down; empty where there is a layer of another kind.
std::vector<DiskLayer> layers_of(const pugi::xml_node& disk, const std::string& target) {
  std::vector<DiskLayer> layers;
  const char* name = disk.child("driver").attribute("type").value();
  for (pugi::xml_node place = disk; (place.child("source") != nullptr) && layers.size() < deepest;) {
    const pugi::xml_node source = place.child("source");
    const std::string file = file_of(source);
    const auto format = format_of(name);
    if (file.empty() || !format) {
      return {};
    }
    // libvirt tells the index of the active image in its <source>, and that of the others in their <backingStore>.
    const char* index = place == disk ? source.attribute("index").value() : place.attribute("index").value();
    layers.push_back({.file = file, .format = *format, .node = fmt::format("{}[{}]", target, index), .file_node = {}});
    place = place.child("backingStore");
    name = place.child("format").attribute("type").value();
  }
  return layers;
}

const char* target_of(const pugi::xml_node& disk) {
  return disk.child("target").attribute("dev").value();
}

Disk disk_of(const pugi::xml_node& element) {
  const std::string target = target_of(element);
  Disk disk{.name = target, .device = target, .root = {}, .layers = layers_of(element, target), .job = {}};
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
  for (const pugi::xml_node& element : disks_in(document)) {
    if (Disk disk = disk_of(element); !disk.layers.empty()) {
      disks.push_back(std::move(disk));
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
  const auto found = devices.find_child([&](const pugi::xml_node& element) { return target_of(element) == disk; });
  return std::string_view(found.child("mirror").attribute("ready").value()) == "yes";
}

Result<std::string> snapshot_xml(const std::string& xml, const Disk& disk, const std::string& file) {
  const pugi::xml_document domain = QC_TRY(parsed(xml));
  pugi::xml_document document;
  auto list = document.append_child("domainsnapshot").append_child("disks");
  for (const pugi::xml_node& other : disks_in(domain)) {
    const bool is_meant = target_of(other) == disk.device;
    auto element = list.append_child("disk");
    element.append_attribute("name") = target_of(other);
    element.append_attribute("snapshot") = is_meant ? "external" : "no";
    if (is_meant) {
      element.append_child("driver").append_attribute("type") = "qcow2";
      element.append_child("source").append_attribute("file") = file.c_str();
    }
  }
  std::ostringstream text;
  document.save(text);
  return text.str();
}

}  // namespace qchain::live
