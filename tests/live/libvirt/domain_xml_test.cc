#include "live/libvirt/domain_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "live/libvirt/connection.h"

namespace qchain::live {
namespace {

using testing::HasSubstr;

/// As libvirt 9 prints it, shortened: a running domain after snapshots and one commit.
constexpr const char* domain = R"(<domain type='qemu' id='1'>
  <devices>
    <controller type='pci' index='0' model='pci-root'/>
    <disk type='file' device='cdrom'>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='unmap'/>
      <source file='/images/d &amp; e.qcow2' index='5'/>
      <backingStore type='file' index='4'>
        <format type='qcow2'/>
        <source file='/images/c.qcow2'/>
        <backingStore type='block' index='1'>
          <format type='raw'/>
          <source dev='/dev/vg/base'/>
          <backingStore/>
        </backingStore>
      </backingStore>
      <mirror type='file' file='/images/x' job='active-commit' ready='yes'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/images/other.raw' index='2'/>
      <backingStore/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/>
      <source protocol='nbd' name='x' index='6'/>
      <target dev='vdc' bus='virtio'/>
    </disk>
  </devices>
</domain>)";

TEST(DomainXml, ShowsTheDisksWithImagesAndTheirChains) {
  const auto disks = disks_of(domain);
  ASSERT_TRUE(disks) << describe(disks.error());
  ASSERT_EQ(disks->size(), 2U);
  const Disk& vda = disks->at(0);
  EXPECT_EQ(vda.name, "vda");
  ASSERT_EQ(vda.layers.size(), 3U);
  EXPECT_EQ(vda.layers[0].file, "/dev/vg/base");
  EXPECT_EQ(vda.layers[0].format, ImageFormat::raw);
  EXPECT_EQ(vda.layers[0].index, 1U);
  EXPECT_EQ(vda.layers[1].node, "vda[4]");
  EXPECT_EQ(vda.active().file, "/images/d & e.qcow2");
  EXPECT_EQ(vda.active().node, "vda[5]");
  EXPECT_EQ(vda.active().index, 3U);
  EXPECT_EQ(vda.active().format, ImageFormat::qcow2);
  EXPECT_EQ(disks->at(1).layers.size(), 1U);
}

TEST(DomainXml, ShowsTheJobOfAnActiveCommit) {
  const auto disks = disks_of(domain);
  ASSERT_TRUE(disks);
  EXPECT_EQ(disks->at(0).job, "vda");
  EXPECT_EQ(disks->at(1).job, std::nullopt);
  EXPECT_TRUE(is_ready(domain, "vda"));
  EXPECT_FALSE(is_ready(domain, "vdb"));
}

TEST(DomainXml, LeavesOutDisksWithLayersThatAreNotOurs) {
  const auto with = [](const char* driver, const char* backing) {
    return std::string("<domain><devices><disk><driver type='") + driver + "'/><source file='/a'/>" + backing +
           "<target dev='vda'/></disk><disk><driver type='raw'/><source file='/b'/><target dev='vdb'/></disk>" +
           "</devices></domain>";
  };
  const auto names = [](const std::string& xml) {
    std::string found;
    const auto disks = disks_of(xml);
    for (const Disk& disk : disks.value()) {
      found += disk.name + " ";
    }
    return found;
  };
  EXPECT_EQ(names(with("qcow2", "")), "vda vdb ");
  EXPECT_EQ(names(with("vmdk", "")), "vdb ");
  EXPECT_EQ(names(with("", "")), "vdb ");
  EXPECT_EQ(names(with("qcow2",
                       "<backingStore type='network'><format type='raw'/>"
                       "<source protocol='nbd' name='x'/></backingStore>")),
            "vdb ");
  EXPECT_FALSE(disks_of("<domain><devices>"));
}

TEST(DomainXml, ASnapshotLeavesAllOtherDisksAlone) {
  const auto disks = disks_of(domain);
  ASSERT_TRUE(disks);
  const auto xml = snapshot_xml(domain, disks->at(0), "/images/<new>.qcow2");
  ASSERT_TRUE(xml);
  EXPECT_THAT(*xml, HasSubstr("name=\"vda\" snapshot=\"external\""));
  EXPECT_THAT(*xml, HasSubstr("name=\"vdb\" snapshot=\"no\""));
  EXPECT_THAT(*xml, HasSubstr("name=\"vdc\" snapshot=\"no\"")) << "over a network; not named, libvirt takes it in";
  EXPECT_THAT(*xml, HasSubstr("name=\"sda\" snapshot=\"no\""));
  EXPECT_THAT(*xml, HasSubstr("file=\"/images/&lt;new>.qcow2\""));
  EXPECT_FALSE(snapshot_xml("<domain>", disks->at(0), "/images/new.qcow2"));
}

TEST(LibvirtError, IsInTheUsersWords) {
  const auto words = [](const char* message) { return libvirt_error("cannot begin the commit", 0, message); };
  const struct {
    const char* message;
    ErrorKind kind;
    const char* what;
  } rows[] = {
      {"could not find image '/i/c' beneath '/i/a' in chain for 'vda'", ErrorKind::invalid_argument,
       "not below the top"},
      {"could not find image '/i/x' in chain for 'vda'", ErrorKind::invalid_argument, "no such image"},
      {"could not find backing store index '99' in chain for 'vda'", ErrorKind::invalid_argument, "this index"},
      {"commit of 'vda' active layer requires active flag", ErrorKind::invalid_argument, "is the active image"},
      {"disk 'vdb' not found in domain", ErrorKind::invalid_argument, "no such disk"},
      {"block copy still active: disk 'vda' already in active block job", ErrorKind::locked, "running on this disk"},
      {"disk vda does not have an active block job", ErrorKind::invalid_argument, "no job is running"},
      {"internal error: unable to execute QEMU command 'block-commit': Failed to get \"write\" lock", ErrorKind::locked,
       "has the base open"},
      {"something new", ErrorKind::refused, "libvirt says: something new"},
  };
  for (const auto& row : rows) {
    const Error error = words(row.message);
    EXPECT_EQ(error.kind, row.kind) << row.message;
    EXPECT_THAT(error.what, HasSubstr(row.what)) << row.message;
  }
}

}  // namespace
}  // namespace qchain::live
