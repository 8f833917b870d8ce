#pragma once
// Endpoints of a cluster, and a list of them whose copies share all but what is different: of a
// hundred thousand pods one changes, and whoever keeps the list of before needs it no second time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/shared_parts.h"

namespace policyc::policy {

struct NamedPort {
  std::string name;
  std::uint16_t port = 0;
  std::string protocol;  // "TCP", "UDP", "SCTP"
  friend bool operator==(const NamedPort&, const NamedPort&) = default;
};

enum class EndpointKind : std::uint8_t { Pod, Host, Init };

struct Endpoint {
  EndpointKind kind = EndpointKind::Pod;
  std::string namespace_;
  std::string name;
  std::string cluster;  // empty: the local cluster
  std::string service_account;
  StringMap labels;  // as on the Pod; of a Host: the node's labels
  std::vector<NamedPort> ports;
  std::vector<IpAddress> addresses;

  // "namespace/name", or the name alone.
  [[nodiscard]] std::string full_name() const {
    return namespace_.empty() ? name : namespace_ + "/" + name;
  }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Made as std::make_shared<Endpoint>(): a list that has it alone changes it in place.
using EndpointRef = std::shared_ptr<const Endpoint>;

// One step from a list to another: `removed` endpoints from `position` on give way to `added`.
struct EndpointSplice {
  std::size_t position = 0;
  std::size_t removed = 0;
  std::vector<EndpointRef> added;
};

// In order; a list is cut into chunks and these are in blocks, which copies have in common: a copy
// costs the number of blocks, changing a place of it a block and a chunk. An iterator is good until
// the list is changed.
class EndpointList {
 public:
  using value_type = Endpoint;
  class const_iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Endpoint;
    using difference_type = std::ptrdiff_t;
    using pointer = const Endpoint*;
    using reference = const Endpoint&;

    const_iterator() = default;
    const_iterator(const EndpointList* list, std::size_t index) : list_(list), index_(index) {}
    [[nodiscard]] const EndpointRef& ref() const {
      if (index_ - begin_ >= count_) look_up();
      return chunk_[index_ - begin_];
    }
    reference operator*() const { return *ref(); }
    pointer operator->() const { return ref().get(); }
    reference operator[](difference_type by) const { return *(*this + by); }
    const_iterator& operator+=(difference_type by) {
      index_ = static_cast<std::size_t>(static_cast<difference_type>(index_) + by);
      return *this;
    }
    const_iterator& operator-=(difference_type by) { return *this += -by; }
    const_iterator& operator++() { return *this += 1; }
    const_iterator& operator--() { return *this += -1; }
    const_iterator operator++(int) { return std::exchange(*this, *this + 1); }
    const_iterator operator--(int) { return std::exchange(*this, *this + -1); }
    friend const_iterator operator+(const_iterator it, difference_type by) { return it += by; }
    friend const_iterator operator+(difference_type by, const_iterator it) { return it += by; }
    friend const_iterator operator-(const_iterator it, difference_type by) { return it += -by; }
    friend difference_type operator-(const const_iterator& a, const const_iterator& b) {
      return static_cast<difference_type>(a.index_) - static_cast<difference_type>(b.index_);
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) {
      return a.index_ == b.index_;
    }
    friend auto operator<=>(const const_iterator& a, const const_iterator& b) {
      return a.index_ <=> b.index_;
    }

   private:
    void look_up() const;

    const EndpointList* list_ = nullptr;
    std::size_t index_ = 0;
    // The chunk that was looked up last, and what it has of the list.
    mutable const EndpointRef* chunk_ = nullptr;
    mutable std::size_t begin_ = 0, count_ = 0;
  };
  using iterator = const_iterator;

  EndpointList() = default;
  EndpointList(std::vector<Endpoint> endpoints);  // NOLINT: a list is as good as a vector
  EndpointList(std::initializer_list<Endpoint> endpoints);

  [[nodiscard]] std::size_t size() const { return blocks_.size(); }
  [[nodiscard]] bool empty() const { return blocks_.parts.empty(); }
  [[nodiscard]] const_iterator begin() const { return {this, 0}; }
  [[nodiscard]] const_iterator end() const { return {this, size()}; }
  [[nodiscard]] const Endpoint& operator[](std::size_t index) const { return *ref(index); }
  [[nodiscard]] const Endpoint& at(std::size_t index) const;  // throws std::out_of_range
  [[nodiscard]] const Endpoint& front() const { return (*this)[0]; }
  [[nodiscard]] const Endpoint& back() const { return (*this)[size() - 1]; }
  [[nodiscard]] const EndpointRef& ref(std::size_t index) const;

  // To change one. The reference holds until the list is changed or copied.
  [[nodiscard]] Endpoint& operator[](std::size_t index);
  [[nodiscard]] Endpoint& front() { return (*this)[0]; }
  [[nodiscard]] Endpoint& back() { return (*this)[size() - 1]; }
  void push_back(Endpoint endpoint) { push_back(std::make_shared<Endpoint>(std::move(endpoint))); }
  void push_back(EndpointRef endpoint);
  void resize(std::size_t size);
  void clear() { *this = {}; }
  // What is removed is within the list. Several go one after the other.
  void splice(const EndpointSplice& splice);
  void splice(std::span<const EndpointSplice> splices);
  // The first of [from, to) that `is_before` does not hold of, or `to`; it holds of those before
  // that one. Costs least where that is close to `from`.
  template <class IsBefore>
  [[nodiscard]] std::size_t find_place(std::size_t from, std::size_t to,
                                       const IsBefore& is_before) const;
  // The one that makes `after` of `before`; nothing when they are equal. Looks at all that they
  // hold.
  [[nodiscard]] static std::optional<EndpointSplice> splice_between(const EndpointList& before,
                                                                    const EndpointList& after);

  friend bool operator==(const EndpointList& a, const EndpointList& b);

  // What makes `after` of `before`, endpoint by endpoint, at the cost of the chunks that they do
  // not share. Endpoints count as equal when they are the same one.
  [[nodiscard]] static std::vector<EndpointSplice> splices_between(const EndpointList& before,
                                                                   const EndpointList& after);

  // What only one of two lists has, of the chunks that they do not share, each in its order. Equal
  // endpoints that are not the same one are in both.
  struct Difference {
    std::vector<EndpointRef> gone;
    std::vector<EndpointRef> come;
  };
  [[nodiscard]] static Difference difference(const EndpointList& before, const EndpointList& after);

 private:
  using Chunk = std::vector<EndpointRef>;
  using Block = SharedParts<Chunk>;
  // What appending fills; a splice leaves up to twice as many.
  static constexpr std::size_t kChunk = 32;  // endpoints
  static constexpr std::size_t kBlock = 64;  // chunks
  // Where two lists differ: what stands before and behind is the same in both.
  struct Middle {
    std::size_t position = 0;
    std::vector<const Chunk*> before, after;
  };
  [[nodiscard]] static Middle middle_of(const EndpointList& before, const EndpointList& after);
  [[nodiscard]] bool splice_within(const EndpointSplice& splice);
  void splice_across(const EndpointSplice& splice);

  SharedParts<Block> blocks_;
};

template <class IsBefore>
std::size_t EndpointList::find_place(std::size_t from, std::size_t to,
                                     const IsBefore& is_before) const {
  if (from == to) return to;
  // Of a range of parts the first one whose last endpoint is not before, or the last part.
  const auto find_part = [](std::size_t first, std::size_t last, const auto& is_passed) {
    if (first < last && !is_passed(first)) return first;
    while (first < last) {
      const std::size_t middle = first + (last - first) / 2;
      if (is_passed(middle)) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first;
  };
  const std::size_t of_block = find_part(
      blocks_.part_of(from), blocks_.part_of(to - 1),
      [&](std::size_t part) { return is_before(*blocks_.parts[part]->parts.back()->back()); });
  const Block& block = *blocks_.parts[of_block];
  const std::size_t first = blocks_.begin_of(of_block);
  const std::size_t begin = std::max(from, first) - first;
  const std::size_t end = std::min(to, blocks_.ends[of_block]) - first;
  const std::size_t of_chunk =
      find_part(block.part_of(begin), block.part_of(end - 1),
                [&](std::size_t part) { return is_before(*block.parts[part]->back()); });
  const Chunk& chunk = *block.parts[of_chunk];
  const std::size_t base = block.begin_of(of_chunk);
  const auto at = [&chunk, base](std::size_t index) {
    return chunk.begin() + static_cast<std::ptrdiff_t>(index - base);
  };
  const auto place =
      std::partition_point(at(std::max(begin, base)), at(std::min(end, block.ends[of_chunk])),
                           [&is_before](const EndpointRef& one) { return is_before(*one); });
  return first + base + static_cast<std::size_t>(place - chunk.begin());
}

// As of a vector.
template <class Predicate>
std::size_t erase_if(EndpointList& list, Predicate predicate) {
  EndpointList kept;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const EndpointRef& one = std::as_const(list).ref(i);
    if (!predicate(*one)) kept.push_back(one);
  }
  const std::size_t count = list.size() - kept.size();
  list = std::move(kept);
  return count;
}

}  // namespace policyc::policy
