#pragma once
// A sequence in parts, which copies have in common until one of them changes a part.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace policyc {

// `Part` has a size().
template <class Part>
struct SharedParts {
  std::vector<std::shared_ptr<Part>> parts;  // none is empty
  std::vector<std::size_t> ends;             // of each part, as an index of the whole

  [[nodiscard]] std::size_t size() const { return ends.empty() ? 0 : ends.back(); }
  [[nodiscard]] std::size_t begin_of(std::size_t part) const {
    return part == 0 ? 0 : ends[part - 1];
  }
  // The part that has an index; at the end of all, the last one.
  [[nodiscard]] std::size_t part_of(std::size_t index) const {
    const auto found = std::ranges::upper_bound(ends, index);
    return static_cast<std::size_t>(found - ends.begin()) - (found == ends.end() ? 1 : 0);
  }
  // The same, at once where the guess is right.
  [[nodiscard]] std::size_t part_of(std::size_t index, std::size_t guess) const {
    const bool is_right = guess < ends.size() && begin_of(guess) <= index && index < ends[guess];
    return is_right ? guess : part_of(index);
  }
  void append(std::shared_ptr<Part> part) {
    ends.push_back(size() + part->size());
    parts.push_back(std::move(part));
  }
  // To be changed, for this copy alone; resized() follows.
  [[nodiscard]] Part& own(std::size_t part) {
    std::shared_ptr<Part>& mine = parts[part];
    if (mine.use_count() > 1) {
      mine = std::make_shared<Part>(*mine);
    } else {
      // After whatever the last other owner has read.
      std::atomic_thread_fence(std::memory_order_acquire);
    }
    return *mine;
  }
  // A part has become so much longer, and so much shorter.
  void resized(std::size_t part, std::size_t longer, std::size_t shorter) {
    for (; part < ends.size(); ++part) ends[part] = ends[part] + longer - shorter;
  }
  // Others take the place of parts [first, last).
  void replace(std::size_t first, std::size_t last, std::vector<std::shared_ptr<Part>> by) {
    const auto at = [this](std::size_t part) {
      return parts.begin() + static_cast<std::ptrdiff_t>(part);
    };
    if (by.size() == last - first) {
      std::ranges::move(by, at(first));
    } else {
      parts.erase(at(first), at(last));
      parts.insert(at(first), by.begin(), by.end());
    }
    ends.resize(parts.size());
    for (; first < parts.size(); ++first) ends[first] = begin_of(first) + parts[first]->size();
  }
};

// In pieces of `piece`; the last one has up to twice as many.
template <class Element>
std::vector<std::vector<Element>> in_pieces(std::vector<Element> all, std::size_t piece) {
  std::vector<std::vector<Element>> result;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t rest = all.size() - begin;
    const std::size_t count = rest > 2 * piece ? piece : rest;
    const auto from = std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(begin));
    result.emplace_back(from, from + static_cast<std::ptrdiff_t>(count));
    begin += count;
  }
  return result;
}

}  // namespace policyc
