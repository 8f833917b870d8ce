#include "loader/maps/connection_table.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "loader/bpf/info.h"
#include "loader/bpf/log.h"

namespace policyc::maps {
namespace {

// An entry whose lifetime changes while it is copied is copied again; it changes once a second.
constexpr int kMostCopies = 8;

std::size_t page_rounded(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

template <class Bucket>
Result<ConnectionTable<Bucket>> ConnectionTable<Bucket>::open(int map) {
  const auto info = bpf::map_info(map);
  if (!info) return std::unexpected(info.error());
  if (info->type != BPF_MAP_TYPE_ARRAY || info->value_size != sizeof(Bucket) ||
      !std::has_single_bit(info->max_entries))
    return fail("not a table of connections of this version");
  void* memory = ::mmap(nullptr, page_rounded(sizeof(Bucket) * info->max_entries),
                        PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) return bpf::fail_errno("map a table of connections", errno);
  return ConnectionTable(std::span(static_cast<Bucket*>(memory), info->max_entries));
}

template <class Bucket>
ConnectionTable<Bucket>::ConnectionTable(ConnectionTable&& other) noexcept
    : buckets_(std::exchange(other.buckets_, {})) {}

template <class Bucket>
ConnectionTable<Bucket>& ConnectionTable<Bucket>::operator=(ConnectionTable&& other) noexcept {
  std::swap(buckets_, other.buckets_);
  return *this;
}

template <class Bucket>
ConnectionTable<Bucket>::~ConnectionTable() {
  if (!buckets_.empty()) ::munmap(buckets_.data(), page_rounded(buckets_.size_bytes()));
}

template <class Bucket>
std::size_t ConnectionTable<Bucket>::taken() const {
  std::size_t total = 0;
  for (std::size_t i = 0; i < capacity(); ++i)
    total += std::atomic_ref(tag(i)).load(std::memory_order_relaxed) != 0 ? 1U : 0U;
  return total;
}

template <class Bucket>
auto ConnectionTable<Bucket>::read(std::size_t number) const -> std::optional<Slot> {
  Slot copy{};
  const std::atomic_ref expires(slot(number).value.expires);
  for (int i = 0; i < kMostCopies; ++i) {
    const auto before = expires.load(std::memory_order_acquire);
    if (std::atomic_ref(tag(number)).load(std::memory_order_acquire) == 0) return std::nullopt;
    std::memcpy(&copy, &slot(number), sizeof copy);
    copy.value.expires = before;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (expires.load(std::memory_order_relaxed) == before) break;
  }
  return copy;
}

template <class Bucket>
Found ConnectionTable<Bucket>::end(std::size_t number, std::uint64_t now) const {
  if (std::atomic_ref(tag(number)).load(std::memory_order_acquire) == 0) return Found::Free;
  const std::atomic_ref expires(slot(number).value.expires);
  auto seen = expires.load(std::memory_order_relaxed);
  if (seen == CT_ENDED) return Found::Ended;
  if (seen == CT_BUSY || seen > now) return Found::Living;
  return expires.compare_exchange_strong(seen, CT_ENDED) ? Found::Ended : Found::Living;
}

template <class Bucket>
void ConnectionTable<Bucket>::release(std::size_t number) const {
  // The tag first: whoever dies in between leaves a bucket that is looked at too often.
  const auto was = std::atomic_ref(tag(number)).exchange(0);
  if (was == 0 || ct_is_guest(was) == 0) return;
  const auto last = static_cast<std::uint32_t>(buckets_.size()) - 1;
  const auto bucket = static_cast<std::uint32_t>(number / CT_BUCKET_SLOTS);
  const auto home = ct_other_bucket(bucket, was, last);
  std::atomic_ref(buckets_[home].head.guests).fetch_sub(1);
}

template class ConnectionTable<ct4_bucket>;
template class ConnectionTable<ct6_bucket>;

std::uint32_t buckets_for(std::uint32_t connections) {
  const std::uint32_t least = connections / CT_BUCKET_SLOTS + (connections % CT_BUCKET_SLOTS != 0);
  return std::bit_ceil(std::max(least, 2U));
}

Result<ct_table_value> make_ct_table(std::uint32_t buckets4, std::uint32_t buckets6) {
  ct_table_value table{};
  table.last_bucket[0] = buckets4 - 1;
  table.last_bucket[1] = buckets6 - 1;
  // So many bytes come at once, or not at all.
  if (::getrandom(table.seed, sizeof table.seed, 0) != sizeof table.seed)
    return bpf::fail_errno("get random numbers", errno);
  return table;
}

}  // namespace policyc::maps
