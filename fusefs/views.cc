#include "fusefs/views.h"

#include <utility>

namespace qchain::fusefs {

Views::Views(Slice slice, ViewCaches caches)
    : caches_(std::move(caches)),
      whole_(std::make_shared<const View>(std::move(slice), caches_)),
      lower_(whole_->slice().top - whole_->slice().base) {}

SharedView Views::up_to(std::size_t top) {
  if (top == slice().top) {
    return whole_;
  }
  const std::scoped_lock lock(mutex_);
  std::weak_ptr<const View>& remembered = lower_.at(top - slice().base);
  SharedView view = remembered.lock();
  if (!view) {
    view = std::make_shared<const View>(Slice{slice().chain, slice().base, top}, caches_);
    remembered = view;
  }
  return view;
}

}  // namespace qchain::fusefs
