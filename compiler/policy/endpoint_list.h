#pragma once
// Endpoints of a cluster, and a list of them whose copies share all but what is different: of a
// hundred thousand pods one changes, and whoever keeps the list of before needs it no second time.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

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

// In order; a list is cut into chunks, which copies have in common. Changing a place costs a chunk,
// and one word for each chunk.
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
    reference operator*() const { return (*list_)[index_]; }
    pointer operator->() const { return &(*list_)[index_]; }
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
    const EndpointList* list_ = nullptr;
    std::size_t index_ = 0;
  };
  using iterator = const_iterator;

  EndpointList() = default;
  EndpointList(std::vector<Endpoint> endpoints);  // NOLINT: a list is as good as a vector
  EndpointList(std::initializer_list<Endpoint> endpoints);

  [[nodiscard]] std::size_t size() const { return ends_.empty() ? 0 : ends_.back(); }
  [[nodiscard]] bool empty() const { return ends_.empty(); }
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
  // What is removed is within the list.
  void splice(const EndpointSplice& splice);
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
  // Chunks [first, old_end) of one list and [first, new_end) of another: what stands before and
  // behind is the same in both.
  struct Middle {
    std::size_t first, old_end, new_end;
  };
  [[nodiscard]] static Middle middle_of(const EndpointList& before, const EndpointList& after);
  [[nodiscard]] std::size_t chunk_of(std::size_t index) const;
  [[nodiscard]] std::size_t begin_of(std::size_t chunk) const {
    return chunk == 0 ? 0 : ends_[chunk - 1];
  }
  [[nodiscard]] Chunk& own(std::size_t chunk);
  void count_from(std::size_t chunk);
  [[nodiscard]] bool splice_within(const EndpointSplice& splice, std::size_t first,
                                   std::size_t last);

  std::vector<std::shared_ptr<Chunk>> chunks_;  // none is empty
  std::vector<std::size_t> ends_;               // of each chunk, as an index of the list
};

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
