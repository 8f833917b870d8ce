#include "compiler/policy/label.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace policyc::policy {

struct LabelRef::Shared {
  Label label;
  std::size_t hash = 0;
  std::atomic<std::size_t> uses = 1;
};

namespace {

using Shared = LabelRef::Shared;

struct Wanted {
  std::string_view source;
  std::string_view key;
  std::string_view value;
  std::size_t hash;
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(const Shared* shared) const noexcept { return shared->hash; }
  std::size_t operator()(const Wanted& wanted) const noexcept { return wanted.hash; }
};

struct Equal {
  using is_transparent = void;
  bool operator()(const Shared* a, const Shared* b) const noexcept { return a == b; }
  bool operator()(const Wanted& a, const Shared* b) const noexcept {
    return a.hash == b->hash && a.key == b->label.key && a.value == b->label.value &&
           a.source == b->label.source;
  }
  bool operator()(const Shared* a, const Wanted& b) const noexcept { return (*this)(b, a); }
};

std::size_t hash_of(std::string_view source, std::string_view key, std::string_view value) {
  const std::hash<std::string_view> hash;
  std::size_t result = hash(key);
  for (const std::string_view part : {value, source})
    result ^= hash(part) + 0x9e3779b97f4a7c15U + (result << 6U) + (result >> 2U);
  return result;
}

struct Shard {
  std::mutex mutex;
  std::unordered_set<Shared*, Hash, Equal> labels;
};

// By the upper bits of the hash: a table takes the lower ones.
Shard& shard_of(std::size_t hash) {
  constexpr std::size_t kShards = 16;
  constexpr unsigned kShift = 60;
  static auto& shards = *new std::array<Shard, kShards>;  // outlives whatever is static
  return shards[hash >> kShift];
}

}  // namespace

LabelRef::LabelRef(std::string_view source, std::string_view key, std::string_view value) {
  const Wanted wanted{source, key, value, hash_of(source, key, value)};
  Shard& shard = shard_of(wanted.hash);
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.labels.find(wanted); found != shard.labels.end()) {
    shared_ = *found;
    shared_->uses.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto made = std::make_unique<Shared>();
  made->label = {std::string(source), std::string(key), std::string(value)};
  made->hash = wanted.hash;
  shard.labels.insert(made.get());
  shared_ = made.release();
}

LabelRef::LabelRef(const LabelRef& other) noexcept : shared_(other.shared_) {
  if (shared_ != nullptr) shared_->uses.fetch_add(1, std::memory_order_relaxed);
}

// The last use ends under the lock: whoever looks for the label meanwhile finds it in use, or not.
LabelRef::~LabelRef() {
  if (shared_ == nullptr) return;
  std::size_t uses = shared_->uses.load(std::memory_order_relaxed);
  while (uses > 1) {
    if (shared_->uses.compare_exchange_weak(uses, uses - 1, std::memory_order_release,
                                            std::memory_order_relaxed))
      return;
  }
  Shard& shard = shard_of(shared_->hash);
  const std::lock_guard lock(shard.mutex);
  if (shared_->uses.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  shard.labels.erase(shared_);
  delete shared_;
}

const Label& LabelRef::operator*() const { return shared_->label; }

}  // namespace policyc::policy
