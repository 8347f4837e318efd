#include "live/libvirt/library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <string>

namespace qchain::live {
namespace {

/// Stays loaded: it has threads of its own.
struct Library {
  void* handle = ::dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);  ///< null where it can't be had
  std::string problem = handle == nullptr ? ::dlerror() : "";      ///< why
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

/// Calls libvirt's function of that name and type.
template <auto Declared, typename... Arguments>
auto call(const char* name, Arguments... arguments) {
  static const auto function = reinterpret_cast<decltype(Declared)>(::dlsym(library().handle, name));
  if (function == nullptr) {
    std::abort();  // older than what this was built for, or load_libvirt() was not asked: nothing right could follow
  }
  return function(arguments...);
}

}  // namespace

Result<void> load_libvirt() {
  if (library().handle == nullptr) {
    return std::unexpected(make_error(ErrorKind::unsupported, fmt::format("cannot load libvirt: {}", library().problem))
                               .advise("install libvirt0, or say --qmp SOCKET"));
  }
  return {};
}

}  // namespace qchain::live

// What the rest of this room calls by libvirt's own names.
// NOLINTBEGIN(readability-identifier-naming,readability-inconsistent-declaration-parameter-name): theirs
using qchain::live::call;

extern "C" {
int virConnectClose(virConnectPtr connection) {
  return call<&::virConnectClose>("virConnectClose", connection);
}

int virConnectDomainEventDeregisterAny(virConnectPtr connection, int callback) {
  return call<&::virConnectDomainEventDeregisterAny>("virConnectDomainEventDeregisterAny", connection, callback);
}

int virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int event,
                                     virConnectDomainEventGenericCallback callback, void* opaque,
                                     virFreeCallback free) {
  return call<&::virConnectDomainEventRegisterAny>("virConnectDomainEventRegisterAny", connection, domain, event,
                                                   callback, opaque, free);
}

char* virConnectGetURI(virConnectPtr connection) {
  return call<&::virConnectGetURI>("virConnectGetURI", connection);
}

virConnectPtr virConnectOpen(const char* name) {
  return call<&::virConnectOpen>("virConnectOpen", name);
}

int virConnectRegisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback, void* opaque,
                                    virFreeCallback free) {
  return call<&::virConnectRegisterCloseCallback>("virConnectRegisterCloseCallback", connection, callback, opaque,
                                                  free);
}

int virConnectSetKeepAlive(virConnectPtr connection, int interval, unsigned int count) {
  return call<&::virConnectSetKeepAlive>("virConnectSetKeepAlive", connection, interval, count);
}

int virConnectUnregisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback) {
  return call<&::virConnectUnregisterCloseCallback>("virConnectUnregisterCloseCallback", connection, callback);
}

int virDomainBlockCommit(virDomainPtr domain, const char* disk, const char* base, const char* top,
                         unsigned long bandwidth, unsigned int flags) {
  return call<&::virDomainBlockCommit>("virDomainBlockCommit", domain, disk, base, top, bandwidth, flags);
}

int virDomainBlockJobAbort(virDomainPtr domain, const char* disk, unsigned int flags) {
  return call<&::virDomainBlockJobAbort>("virDomainBlockJobAbort", domain, disk, flags);
}

int virDomainBlockJobSetSpeed(virDomainPtr domain, const char* disk, unsigned long bandwidth, unsigned int flags) {
  return call<&::virDomainBlockJobSetSpeed>("virDomainBlockJobSetSpeed", domain, disk, bandwidth, flags);
}

int virDomainFree(virDomainPtr domain) {
  return call<&::virDomainFree>("virDomainFree", domain);
}

int virDomainGetBlockInfo(virDomainPtr domain, const char* disk, virDomainBlockInfoPtr info, unsigned int flags) {
  return call<&::virDomainGetBlockInfo>("virDomainGetBlockInfo", domain, disk, info, flags);
}

int virDomainGetBlockJobInfo(virDomainPtr domain, const char* disk, virDomainBlockJobInfoPtr info, unsigned int flags) {
  return call<&::virDomainGetBlockJobInfo>("virDomainGetBlockJobInfo", domain, disk, info, flags);
}

char* virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags) {
  return call<&::virDomainGetXMLDesc>("virDomainGetXMLDesc", domain, flags);
}

int virDomainIsActive(virDomainPtr domain) {
  return call<&::virDomainIsActive>("virDomainIsActive", domain);
}

virDomainPtr virDomainLookupByName(virConnectPtr connection, const char* name) {
  return call<&::virDomainLookupByName>("virDomainLookupByName", connection, name);
}

virDomainSnapshotPtr virDomainSnapshotCreateXML(virDomainPtr domain, const char* description, unsigned int flags) {
  return call<&::virDomainSnapshotCreateXML>("virDomainSnapshotCreateXML", domain, description, flags);
}

int virDomainSnapshotFree(virDomainSnapshotPtr snapshot) {
  return call<&::virDomainSnapshotFree>("virDomainSnapshotFree", snapshot);
}

int virEventAddHandle(int descriptor, int events, virEventHandleCallback callback, void* opaque, virFreeCallback free) {
  return call<&::virEventAddHandle>("virEventAddHandle", descriptor, events, callback, opaque, free);
}

int virEventAddTimeout(int frequency, virEventTimeoutCallback callback, void* opaque, virFreeCallback free) {
  return call<&::virEventAddTimeout>("virEventAddTimeout", frequency, callback, opaque, free);
}

int virEventRegisterDefaultImpl() {
  return call<&::virEventRegisterDefaultImpl>("virEventRegisterDefaultImpl");
}

int virEventRemoveHandle(int watch) {
  return call<&::virEventRemoveHandle>("virEventRemoveHandle", watch);
}

int virEventRemoveTimeout(int timer) {
  return call<&::virEventRemoveTimeout>("virEventRemoveTimeout", timer);
}

int virEventRunDefaultImpl() {
  return call<&::virEventRunDefaultImpl>("virEventRunDefaultImpl");
}

void virEventUpdateTimeout(int timer, int frequency) {
  return call<&::virEventUpdateTimeout>("virEventUpdateTimeout", timer, frequency);
}

virErrorPtr virGetLastError() {
  return call<&::virGetLastError>("virGetLastError");
}

int virGetLastErrorCode() {
  return call<&::virGetLastErrorCode>("virGetLastErrorCode");
}

void virSetErrorFunc(void* opaque, virErrorFunc handler) {
  return call<&::virSetErrorFunc>("virSetErrorFunc", opaque, handler);
}
}
// NOLINTEND(readability-identifier-naming,readability-inconsistent-declaration-parameter-name)
