#include "compiler/policy/endpoint_list.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <unordered_set>

namespace policyc::policy {
namespace {

// What appending fills; a splice leaves chunks of up to twice as many.
constexpr std::size_t kChunk = 32;

bool is_equal(const EndpointRef& a, const EndpointRef& b) { return a == b || *a == *b; }

// From some endpoints to others, which stand at `position` of a list.
void add_splices(const std::vector<const EndpointRef*>& before,
                 const std::vector<const EndpointRef*>& after, std::size_t position,
                 std::vector<EndpointSplice>& result) {
  std::unordered_set<const Endpoint*> old;
  std::unordered_set<const Endpoint*> now;
  for (const EndpointRef* one : before) old.insert(one->get());
  for (const EndpointRef* one : after) now.insert(one->get());
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    EndpointSplice splice{position + j, 0, {}};
    for (; i < before.size() && !now.contains(before[i]->get()); ++i) ++splice.removed;
    for (; j < after.size() && !old.contains(after[j]->get()); ++j)
      splice.added.push_back(*after[j]);
    const bool ends = i == before.size() || j == after.size();
    if (ends || *before[i] != *after[j]) {
      // At the end, or in another order than before: all that is left.
      for (; i < before.size(); ++i) ++splice.removed;
      for (; j < after.size(); ++j) splice.added.push_back(*after[j]);
    }
    if (splice.removed != 0 || !splice.added.empty()) result.push_back(std::move(splice));
    if (i < before.size()) ++i;
    if (j < after.size()) ++j;
  }
}

}  // namespace

EndpointList::EndpointList(std::vector<Endpoint> endpoints) {
  for (Endpoint& endpoint : endpoints) push_back(std::move(endpoint));
}

EndpointList::EndpointList(std::initializer_list<Endpoint> endpoints) {
  for (const Endpoint& endpoint : endpoints) push_back(endpoint);
}

std::size_t EndpointList::chunk_of(std::size_t index) const {
  const std::size_t guess = index / kChunk;
  if (guess < ends_.size() && begin_of(guess) <= index && index < ends_[guess]) return guess;
  return static_cast<std::size_t>(std::ranges::upper_bound(ends_, index) - ends_.begin());
}

const EndpointRef& EndpointList::ref(std::size_t index) const {
  const std::size_t chunk = chunk_of(index);
  return (*chunks_[chunk])[index - begin_of(chunk)];
}

const Endpoint& EndpointList::at(std::size_t index) const {
  if (index >= size()) throw std::out_of_range("no such endpoint");
  return (*this)[index];
}

EndpointList::Chunk& EndpointList::own(std::size_t chunk) {
  std::shared_ptr<Chunk>& mine = chunks_[chunk];
  if (mine.use_count() > 1) mine = std::make_shared<Chunk>(*mine);
  std::atomic_thread_fence(std::memory_order_acquire);
  return *mine;
}

Endpoint& EndpointList::operator[](std::size_t index) {
  const std::size_t chunk = chunk_of(index);
  EndpointRef& mine = own(chunk)[index - begin_of(chunk)];
  if (mine.use_count() > 1) mine = std::make_shared<Endpoint>(*mine);
  return const_cast<Endpoint&>(*mine);  // nobody else has it
}

void EndpointList::push_back(EndpointRef endpoint) {
  if (chunks_.empty() || chunks_.back()->size() >= kChunk) {
    chunks_.push_back(std::make_shared<Chunk>());
    ends_.push_back(size());
  }
  own(chunks_.size() - 1).push_back(std::move(endpoint));
  ++ends_.back();
}

void EndpointList::resize(std::size_t size) {
  while (this->size() < size) push_back(Endpoint{});
  if (size < this->size()) splice({size, this->size() - size, {}});
}

void EndpointList::count_from(std::size_t chunk) {
  ends_.resize(chunks_.size());
  for (; chunk < chunks_.size(); ++chunk) ends_[chunk] = begin_of(chunk) + chunks_[chunk]->size();
}

// Most are of a chunk that an earlier one has copied: only that one and the ends move.
bool EndpointList::splice_within(const EndpointSplice& splice, std::size_t first,
                                 std::size_t last) {
  if (first != last || first >= chunks_.size()) return false;
  const std::size_t size = chunks_[first]->size() - splice.removed + splice.added.size();
  if (size == 0 || size > 2 * kChunk) return false;
  Chunk& chunk = own(first);
  const auto at = chunk.begin() + static_cast<std::ptrdiff_t>(splice.position - begin_of(first));
  const auto rest = chunk.erase(at, at + static_cast<std::ptrdiff_t>(splice.removed));
  chunk.insert(rest, splice.added.begin(), splice.added.end());
  for (std::size_t i = first; i < ends_.size(); ++i)
    ends_[i] = ends_[i] - splice.removed + splice.added.size();
  return true;
}

void EndpointList::splice(const EndpointSplice& splice) {
  const auto& [position, removed, added] = splice;
  if (removed == 0 && added.empty()) return;
  std::size_t first = chunk_of(position);
  if (first == chunks_.size() && first != 0) --first;  // at the end: the last one grows
  std::size_t last = removed == 0 ? first : chunk_of(position + removed - 1);
  if (splice_within(splice, first, last)) return;
  Chunk now;
  if (first < chunks_.size()) {
    const Chunk& from = *chunks_[first];
    const auto keep = static_cast<std::ptrdiff_t>(position - begin_of(first));
    now.assign(from.begin(), from.begin() + keep);
  }
  now.insert(now.end(), added.begin(), added.end());
  if (first < chunks_.size()) {
    const Chunk& from = *chunks_[last];
    const auto skip = static_cast<std::ptrdiff_t>(position + removed - begin_of(last));
    now.insert(now.end(), from.begin() + skip, from.end());
    ++last;
  }
  std::vector<std::shared_ptr<Chunk>> chunks;
  for (std::size_t begin = 0; begin < now.size();) {
    const std::size_t rest = now.size() - begin;
    const std::size_t count = rest > 2 * kChunk ? kChunk : rest;
    const auto from = now.begin() + static_cast<std::ptrdiff_t>(begin);
    chunks.push_back(std::make_shared<Chunk>(from, from + static_cast<std::ptrdiff_t>(count)));
    begin += count;
  }
  const auto at = [this](std::size_t chunk) {
    return chunks_.begin() + static_cast<std::ptrdiff_t>(chunk);
  };
  if (chunks.size() == last - first) {
    std::ranges::move(chunks, at(first));
  } else {
    chunks_.erase(at(first), at(last));
    chunks_.insert(at(first), chunks.begin(), chunks.end());
  }
  count_from(first);
}

bool operator==(const EndpointList& a, const EndpointList& b) {
  if (a.size() != b.size()) return false;
  if (a.ends_ == b.ends_) {
    return std::ranges::equal(a.chunks_, b.chunks_, [](const auto& one, const auto& other) {
      return one == other || std::ranges::equal(*one, *other, is_equal);
    });
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!is_equal(a.ref(i), b.ref(i))) return false;
  }
  return true;
}

std::optional<EndpointSplice> EndpointList::splice_between(const EndpointList& before,
                                                           const EndpointList& after) {
  const std::size_t most = std::min(before.size(), after.size());
  std::size_t first = 0;
  while (first < most && is_equal(before.ref(first), after.ref(first))) ++first;
  std::size_t last = 0;  // equal ones at the ends
  while (last < most - first &&
         is_equal(before.ref(before.size() - last - 1), after.ref(after.size() - last - 1)))
    ++last;
  EndpointSplice result{first, before.size() - first - last, {}};
  for (std::size_t i = first; i < after.size() - last; ++i) result.added.push_back(after.ref(i));
  if (result.removed == 0 && result.added.empty()) return std::nullopt;
  return result;
}

EndpointList::Middle EndpointList::middle_of(const EndpointList& before,
                                             const EndpointList& after) {
  Middle middle{0, before.chunks_.size(), after.chunks_.size()};
  while (middle.first < middle.old_end && middle.first < middle.new_end &&
         before.chunks_[middle.first] == after.chunks_[middle.first])
    ++middle.first;
  while (middle.old_end > middle.first && middle.new_end > middle.first &&
         before.chunks_[middle.old_end - 1] == after.chunks_[middle.new_end - 1]) {
    --middle.old_end;
    --middle.new_end;
  }
  return middle;
}

std::vector<EndpointSplice> EndpointList::splices_between(const EndpointList& before,
                                                          const EndpointList& after) {
  const auto [first, old_end, new_end] = middle_of(before, after);
  std::unordered_set<const Chunk*> now;
  for (std::size_t i = first; i < new_end; ++i) now.insert(after.chunks_[i].get());
  std::vector<EndpointSplice> result;
  std::size_t old = first;  // chunks, in both lists up to here alike
  std::size_t next = first;
  while (old < old_end || next < new_end) {
    const Chunk* next_old = old < old_end ? before.chunks_[old].get() : nullptr;
    const Chunk* next_new = next < new_end ? after.chunks_[next].get() : nullptr;
    if (next_old == next_new) {
      ++old;
      ++next;
      continue;
    }
    // A run up to the next chunk that both have.
    const std::size_t begin_old = old;
    const std::size_t begin_new = next;
    while (old < old_end && !now.contains(before.chunks_[old].get())) ++old;
    const Chunk* both = old < old_end ? before.chunks_[old].get() : nullptr;
    while (next < new_end && after.chunks_[next].get() != both) ++next;
    if (both != nullptr && next == new_end) old = old_end;
    const auto run = [](const EndpointList& list, std::size_t from, std::size_t to) {
      std::vector<const EndpointRef*> refs;
      for (std::size_t i = from; i < to; ++i) {
        for (const EndpointRef& one : *list.chunks_[i]) refs.push_back(&one);
      }
      return refs;
    };
    add_splices(run(before, begin_old, old), run(after, begin_new, next), after.begin_of(begin_new),
                result);
  }
  return result;
}

EndpointList::Difference EndpointList::difference(const EndpointList& before,
                                                  const EndpointList& after) {
  const auto middle = middle_of(before, after);
  const auto without = [first = middle.first](const EndpointList& list, std::size_t end,
                                              const EndpointList& other, std::size_t other_end) {
    std::unordered_set<const Chunk*> shared;
    for (std::size_t i = first; i < other_end; ++i) shared.insert(other.chunks_[i].get());
    std::vector<EndpointRef> result;
    for (std::size_t i = first; i < end; ++i) {
      const Chunk& chunk = *list.chunks_[i];
      if (!shared.contains(&chunk)) result.insert(result.end(), chunk.begin(), chunk.end());
    }
    return result;
  };
  Difference result{without(before, middle.old_end, after, middle.new_end),
                    without(after, middle.new_end, before, middle.old_end)};
  const auto drop = [](std::vector<EndpointRef>& from,
                       const std::unordered_set<const Endpoint*>& all) {
    std::erase_if(from, [&all](const EndpointRef& one) { return all.contains(one.get()); });
  };
  std::unordered_set<const Endpoint*> gone;
  std::unordered_set<const Endpoint*> come;
  for (const EndpointRef& one : result.gone) gone.insert(one.get());
  for (const EndpointRef& one : result.come) come.insert(one.get());
  drop(result.gone, come);
  drop(result.come, gone);
  return result;
}

}  // namespace policyc::policy
