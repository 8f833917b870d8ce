#include "compiler/identity/class_table.h"

#include <algorithm>
#include <functional>

#include "compiler/support/check.h"

namespace policyc::identity {

// A sum over the members, so that one bit changes without a look at the others.
std::uint64_t ClassTable::hash_of(const Bits& truth) {
  std::uint64_t hash = 0;
  truth.for_each([&hash](std::size_t bit) { hash ^= spread(bit); });
  return hash;
}

PeerClass ClassTable::find(const Bits& truth) const {
  const auto [first, last] = by_truth_.equal_range(hash_of(truth));
  for (auto at = first; at != last; ++at) {
    if (classes_[at->second].truth == truth) return at->second;
  }
  return kUnknownClass;
}

PeerClass ClassTable::create(const Bits& truth) {
  POLICYC_CHECK(available() > 0);
  PeerClass number = limit();
  if (free_.empty()) {
    classes_.emplace_back();
  } else {
    std::pop_heap(free_.begin(), free_.end(), std::greater<>());
    number = free_.back();
    free_.pop_back();
  }
  open(number, truth);
  link(number);
  return number;
}

bool ClassTable::create_numbered(PeerClass number, const Bits& truth) {
  if (number == kUnknownClass || number > max_classes_) return false;
  if (number >= classes_.size()) classes_.resize(std::size_t{number} + 1);
  if (classes_[number].state != State::Free) return false;
  open(number, truth);
  return true;
}

void ClassTable::open(PeerClass number, const Bits& truth) {
  classes_[number] = Entry{State::Live, hash_of(truth), truth, {}};
  ++live_;
}

void ClassTable::link(PeerClass number) { by_truth_.emplace(classes_[number].hash, number); }

void ClassTable::unlink(PeerClass number) {
  const auto [first, last] = by_truth_.equal_range(classes_[number].hash);
  const auto at =
      std::find_if(first, last, [number](const auto& item) { return item.second == number; });
  POLICYC_CHECK(at != last);
  by_truth_.erase(at);
}

void ClassTable::set_truth(PeerClass number, PredicateId predicate, bool value) {
  Entry& entry = classes_[number];
  if (entry.truth.test(predicate.value) == value) return;
  if (value) {
    entry.truth.set(predicate.value);
  } else {
    entry.truth.reset(predicate.value);
  }
  entry.hash ^= spread(predicate.value);
}

void ClassTable::place(Slot member, PeerClass number) {
  if (member >= places_.size()) places_.resize(std::size_t{member} + 1);
  POLICYC_CHECK(places_[member].number == kUnknownClass);
  std::vector<Slot>& members = classes_[number].members;
  places_[member] = {number, static_cast<std::uint32_t>(members.size())};
  members.push_back(member);
}

void ClassTable::displace(Slot member) {
  const Place place = places_[member];
  std::vector<Slot>& members = classes_[place.number].members;
  members[place.position] = members.back();
  places_[members.back()].position = place.position;
  members.pop_back();
  places_[member] = Place{};
}

void ClassTable::retire(PeerClass number) {
  Entry& entry = classes_[number];
  POLICYC_CHECK(entry.state == State::Live && entry.members.empty());
  entry = Entry{};
  entry.state = State::Retired;
  --live_;
  ++retired_;
}

void ClassTable::release(PeerClass number) {
  POLICYC_CHECK(number < classes_.size() && classes_[number].state == State::Retired);
  classes_[number].state = State::Free;
  --retired_;
  free_.push_back(number);
  std::push_heap(free_.begin(), free_.end(), std::greater<>());
}

void ClassTable::free_the_rest() {
  free_.clear();
  for (PeerClass number = 1; number < limit(); ++number) {
    if (classes_[number].state == State::Free) free_.push_back(number);  // ascending: a heap
  }
}

bool ClassTable::is_live(PeerClass number) const {
  return number < classes_.size() && classes_[number].state == State::Live;
}

const Bits& ClassTable::truth(PeerClass number) const {
  POLICYC_CHECK(is_live(number));
  return classes_[number].truth;
}

const std::vector<Slot>& ClassTable::members(PeerClass number) const {
  POLICYC_CHECK(is_live(number));
  return classes_[number].members;
}

std::size_t ClassTable::heap_bytes() const {
  std::size_t bytes = classes_.capacity() * sizeof(Entry) + places_.capacity() * sizeof(Place) +
                      free_.capacity() * sizeof(PeerClass);
  for (const Entry& entry : classes_) {
    bytes += entry.truth.heap_bytes() + entry.members.capacity() * sizeof(Slot);
  }
  return bytes + by_truth_.bucket_count() * sizeof(void*) + by_truth_.size() * 24;
}

}  // namespace policyc::identity
