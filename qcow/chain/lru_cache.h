#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace qchain {

/// A cache with a budget in bytes; each value is made once, by the first thread that asks, while others that want the
/// same value wait for it and the rest go on. Least recently used values go first; users keep theirs by shared_ptr.
/// Thread-safe. The key is spread over shards so that readers of different values seldom meet on one mutex.
template <typename Key, typename Value, typename Hash>
class LruCache {
 public:
  explicit LruCache(std::size_t budget_bytes) : budget_of_shard_(budget_bytes / shard_count) {}

  /// The value of `key`; `make` gives {shared_ptr<const Value>, weight in bytes} when it is not there.
  template <typename Make>
  [[nodiscard]] std::shared_ptr<const Value> get(const Key& key, Make&& make) {
    Shard& shard = shards_[Hash{}(key) % shard_count];
    const std::shared_ptr<Slot> slot = shard.slot(key);
    std::call_once(slot->made, [&] {
      auto [value, weight] = make();
      slot->value = std::move(value);
      shard.add_weight(key, slot, weight, budget_of_shard_);
    });
    return slot->value;
  }

  /// The value of `key`, where it has been made. Never waits for another thread to make it.
  [[nodiscard]] std::shared_ptr<const Value> find(const Key& key) {
    return shards_[Hash{}(key) % shard_count].find(key);
  }

  /// The next one who asks has it made anew: for a value that may come out otherwise then.
  void forget(const Key& key) { shards_[Hash{}(key) % shard_count].forget(key); }

 private:
  static constexpr std::size_t shard_count = 8;

  struct Slot {
    std::once_flag made;
    std::shared_ptr<const Value> value;
    std::size_t weight = 0;  ///< 0 while it is being made; guarded by the shard's mutex
  };
  using Order = std::list<std::pair<Key, std::shared_ptr<Slot>>>;

  struct Shard {
    std::mutex mutex;
    Order order;  ///< most recently used first
    std::unordered_map<Key, typename Order::iterator, Hash> places;
    std::size_t weight = 0;

    std::shared_ptr<Slot> slot(const Key& key) {
      const std::scoped_lock lock(mutex);
      if (const auto found = places.find(key); found != places.end()) {
        order.splice(order.begin(), order, found->second);
        return found->second->second;
      }
      order.emplace_front(key, std::make_shared<Slot>());
      places.emplace(key, order.begin());
      return order.front().second;
    }

    std::shared_ptr<const Value> find(const Key& key) {
      const std::scoped_lock lock(mutex);
      const auto found = places.find(key);
      if (found == places.end() || found->second->second->weight == 0) {
        return nullptr;
      }
      order.splice(order.begin(), order, found->second);
      return found->second->second->value;
    }

    void forget(const Key& key) {
      const std::scoped_lock lock(mutex);
      if (const auto found = places.find(key); found != places.end()) {
        weight -= found->second->second->weight;
        order.erase(found->second);
        places.erase(found);
      }
    }

    void add_weight(const Key& key, const std::shared_ptr<Slot>& slot, std::size_t bytes, std::size_t budget) {
      const std::scoped_lock lock(mutex);
      const auto found = places.find(key);
      if (found == places.end() || found->second->second != slot) {
        return;  // evicted while it was being made
      }
      slot->weight = bytes;
      weight += bytes;
      // The newest value stays even where it alone is over the budget.
      while (weight > budget && order.size() > 1) {
        weight -= order.back().second->weight;
        places.erase(order.back().first);
        order.pop_back();
      }
    }
  };

  std::array<Shard, shard_count> shards_;
  std::size_t budget_of_shard_;
};

}  // namespace qchain
