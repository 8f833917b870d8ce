#include "compiler/policy/endpoint_list.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

namespace policyc::policy {
namespace {

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

void EndpointList::const_iterator::look_up() const {
  const SharedParts<Block>& blocks = list_->blocks_;
  const std::size_t of_block = blocks.part_of(index_);
  const Block& block = *blocks.parts[of_block];
  const std::size_t first = blocks.begin_of(of_block);
  const std::size_t of_chunk = block.part_of(index_ - first);
  const Chunk& chunk = *block.parts[of_chunk];
  chunk_ = chunk.data();
  begin_ = first + block.begin_of(of_chunk);
  count_ = chunk.size();
}

const EndpointRef& EndpointList::ref(std::size_t index) const {
  const std::size_t of_block = blocks_.part_of(index, index / (kBlock * kChunk));
  const Block& block = *blocks_.parts[of_block];
  const std::size_t at = index - blocks_.begin_of(of_block);
  const std::size_t of_chunk = block.part_of(at, at / kChunk);
  return (*block.parts[of_chunk])[at - block.begin_of(of_chunk)];
}

const Endpoint& EndpointList::at(std::size_t index) const {
  if (index >= size()) throw std::out_of_range("no such endpoint");
  return (*this)[index];
}

Endpoint& EndpointList::operator[](std::size_t index) {
  const std::size_t of_block = blocks_.part_of(index);
  Block& block = blocks_.own(of_block);
  const std::size_t at = index - blocks_.begin_of(of_block);
  const std::size_t of_chunk = block.part_of(at);
  EndpointRef& mine = block.own(of_chunk)[at - block.begin_of(of_chunk)];
  if (mine.use_count() > 1) mine = std::make_shared<Endpoint>(*mine);
  return const_cast<Endpoint&>(*mine);  // nobody else has it
}

void EndpointList::push_back(EndpointRef endpoint) {
  const auto is_full = [](const Block& block) {
    return block.parts.size() >= kBlock && block.parts.back()->size() >= kChunk;
  };
  if (blocks_.parts.empty() || is_full(*blocks_.parts.back()))
    blocks_.append(std::make_shared<Block>());
  const std::size_t of_block = blocks_.parts.size() - 1;
  Block& block = blocks_.own(of_block);
  if (block.parts.empty() || block.parts.back()->size() >= kChunk)
    block.append(std::make_shared<Chunk>());
  const std::size_t of_chunk = block.parts.size() - 1;
  block.own(of_chunk).push_back(std::move(endpoint));
  block.resized(of_chunk, 1, 0);
  blocks_.resized(of_block, 1, 0);
}

void EndpointList::resize(std::size_t size) {
  while (this->size() < size) push_back(Endpoint{});
  if (size < this->size()) splice({size, this->size() - size, {}});
}

namespace {

// Those of some chunks.
template <class Chunk>
std::vector<const EndpointRef*> refs_of(std::span<const Chunk* const> chunks) {
  std::vector<const EndpointRef*> refs;
  for (const Chunk* chunk : chunks) {
    for (const EndpointRef& one : *chunk) refs.push_back(&one);
  }
  return refs;
}

}  // namespace

bool operator==(const EndpointList& a, const EndpointList& b) {
  if (a.size() != b.size()) return false;
  const auto middle = EndpointList::middle_of(a, b);
  return std::ranges::equal(
      refs_of(std::span(middle.before)), refs_of(std::span(middle.after)),
      [](const EndpointRef* one, const EndpointRef* other) { return is_equal(*one, *other); });
}

std::optional<EndpointSplice> EndpointList::splice_between(const EndpointList& before,
                                                           const EndpointList& after) {
  const std::size_t most = std::min(before.size(), after.size());
  std::size_t first = 0;
  for (auto old = before.begin(), now = after.begin();
       first < most && is_equal(old.ref(), now.ref()); ++old, ++now)
    ++first;
  std::size_t last = 0;  // equal ones at the ends
  for (auto old = before.end(), now = after.end();
       last < most - first && is_equal((--old).ref(), (--now).ref());)
    ++last;
  EndpointSplice result{first, before.size() - first - last, {}};
  const auto end = after.end() - static_cast<std::ptrdiff_t>(last);
  for (auto one = after.begin() + static_cast<std::ptrdiff_t>(first); one != end; ++one)
    result.added.push_back(one.ref());
  if (result.removed == 0 && result.added.empty()) return std::nullopt;
  return result;
}

namespace {

// Without what two sequences begin and end with alike; returns how many were taken off the front.
template <class Part>
std::size_t trim(std::span<const Part>& before, std::span<const Part>& after) {
  const auto front =
      static_cast<std::size_t>(std::ranges::mismatch(before, after).in1 - before.begin());
  before = before.subspan(front);
  after = after.subspan(front);
  while (!before.empty() && !after.empty() && before.back() == after.back()) {
    before = before.first(before.size() - 1);
    after = after.first(after.size() - 1);
  }
  return front;
}

template <class Block>
auto chunks_of(std::span<const std::shared_ptr<Block>> blocks) {
  std::vector<const typename decltype(Block::parts)::value_type::element_type*> chunks;
  for (const auto& block : blocks) {
    for (const auto& chunk : block->parts) chunks.push_back(chunk.get());
  }
  return chunks;
}

}  // namespace

EndpointList::Middle EndpointList::middle_of(const EndpointList& before,
                                             const EndpointList& after) {
  std::span<const std::shared_ptr<Block>> old_blocks = before.blocks_.parts;
  std::span<const std::shared_ptr<Block>> new_blocks = after.blocks_.parts;
  Middle middle;
  middle.position = before.blocks_.begin_of(trim(old_blocks, new_blocks));
  const auto old_chunks = chunks_of(old_blocks);
  const auto new_chunks = chunks_of(new_blocks);
  std::span<const Chunk* const> old_run = old_chunks;
  std::span<const Chunk* const> new_run = new_chunks;
  const std::size_t alike = trim(old_run, new_run);
  for (std::size_t i = 0; i < alike; ++i) middle.position += old_chunks[i]->size();
  middle.before.assign(old_run.begin(), old_run.end());
  middle.after.assign(new_run.begin(), new_run.end());
  return middle;
}

std::vector<EndpointSplice> EndpointList::splices_between(const EndpointList& before,
                                                          const EndpointList& after) {
  const Middle middle = middle_of(before, after);
  const std::unordered_set<const Chunk*> now(middle.after.begin(), middle.after.end());
  std::vector<EndpointSplice> result;
  std::span<const Chunk* const> old_rest = middle.before;  // in both lists up to here alike
  std::span<const Chunk* const> new_rest = middle.after;
  std::size_t position = middle.position;
  const auto take = [](std::span<const Chunk* const>& from, std::size_t count) {
    const auto taken = from.first(count);
    from = from.subspan(count);
    return taken;
  };
  while (!old_rest.empty() || !new_rest.empty()) {
    // A run up to the next chunk that both have, in this order.
    const auto both =
        std::ranges::find_if(old_rest, [&now](const Chunk* chunk) { return now.contains(chunk); });
    auto old_count = static_cast<std::size_t>(both - old_rest.begin());
    std::size_t new_count = new_rest.size();
    if (both != old_rest.end())
      new_count = static_cast<std::size_t>(std::ranges::find(new_rest, *both) - new_rest.begin());
    if (new_count == new_rest.size()) old_count = old_rest.size();
    const auto old_run = take(old_rest, old_count);
    const auto new_run = take(new_rest, new_count);
    add_splices(refs_of(old_run), refs_of(new_run), position, result);
    for (const Chunk* chunk : new_run) position += chunk->size();
    if (old_rest.empty()) continue;
    position += old_rest.front()->size();
    take(old_rest, 1);
    take(new_rest, 1);
  }
  return result;
}

EndpointList::Difference EndpointList::difference(const EndpointList& before,
                                                  const EndpointList& after) {
  const Middle middle = middle_of(before, after);
  const auto without = [](const std::vector<const Chunk*>& some,
                          const std::vector<const Chunk*>& others) {
    const std::unordered_set<const Chunk*> shared(others.begin(), others.end());
    std::vector<EndpointRef> result;
    for (const Chunk* chunk : some) {
      if (!shared.contains(chunk)) result.insert(result.end(), chunk->begin(), chunk->end());
    }
    return result;
  };
  Difference result{without(middle.before, middle.after), without(middle.after, middle.before)};
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
