// What changes a list of endpoints (endpoint_list.h).

#include <algorithm>
#include <iterator>

#include "compiler/policy/endpoint_list.h"

namespace policyc::policy {

// Most take one chunk, which grows or shrinks.
bool EndpointList::splice_within(const EndpointSplice& splice) {
  const auto& [position, removed, added] = splice;
  if (blocks_.parts.empty()) return false;
  const std::size_t of_block = blocks_.part_of(position);
  if (position + removed > blocks_.ends[of_block]) return false;
  const std::size_t at = position - blocks_.begin_of(of_block);
  const Block& block = *blocks_.parts[of_block];
  const std::size_t of_chunk = block.part_of(at);
  const std::size_t begin = block.begin_of(of_chunk);
  if (at + removed > block.ends[of_chunk]) return false;
  const std::size_t size = block.ends[of_chunk] - begin - removed + added.size();
  if (size == 0 || size > 2 * kChunk) return false;
  Block& mine = blocks_.own(of_block);
  Chunk& chunk = mine.own(of_chunk);
  const auto from = chunk.begin() + static_cast<std::ptrdiff_t>(at - begin);
  const auto rest = chunk.erase(from, from + static_cast<std::ptrdiff_t>(removed));
  chunk.insert(rest, added.begin(), added.end());
  mine.resized(of_chunk, added.size(), removed);
  blocks_.resized(of_block, added.size(), removed);
  return true;
}

// All chunks that it touches, and the blocks that these are of, are cut anew.
void EndpointList::splice_across(const EndpointSplice& splice) {
  const auto& [position, removed, added] = splice;
  Chunk now;
  std::vector<std::shared_ptr<Chunk>> chunks;
  std::size_t first = 0;  // of the blocks
  std::size_t end = 0;
  std::vector<std::shared_ptr<Chunk>> behind;
  if (blocks_.parts.empty()) {
    now = added;
  } else {
    first = blocks_.part_of(position);
    const Block& block = *blocks_.parts[first];
    const std::size_t at = position - blocks_.begin_of(first);
    const std::size_t chunk = block.part_of(at);
    const auto keep = static_cast<std::ptrdiff_t>(at - block.begin_of(chunk));
    chunks.assign(block.parts.begin(), block.parts.begin() + static_cast<std::ptrdiff_t>(chunk));
    now.assign(block.parts[chunk]->begin(), block.parts[chunk]->begin() + keep);
    now.insert(now.end(), added.begin(), added.end());
    const std::size_t last = removed == 0 ? first : blocks_.part_of(position + removed - 1);
    const Block& last_block = *blocks_.parts[last];
    const std::size_t over = position + removed - blocks_.begin_of(last);
    const std::size_t last_chunk = removed == 0 ? chunk : last_block.part_of(over - 1);
    const auto skip = static_cast<std::ptrdiff_t>(over - last_block.begin_of(last_chunk));
    const Chunk& tail = *last_block.parts[last_chunk];
    now.insert(now.end(), tail.begin() + skip, tail.end());
    behind.assign(last_block.parts.begin() + static_cast<std::ptrdiff_t>(last_chunk) + 1,
                  last_block.parts.end());
    end = last + 1;
  }
  for (Chunk& chunk : in_pieces(std::move(now), kChunk))
    chunks.push_back(std::make_shared<Chunk>(std::move(chunk)));
  std::ranges::move(behind, std::back_inserter(chunks));
  std::vector<std::shared_ptr<Block>> blocks;
  for (auto& some : in_pieces(std::move(chunks), kBlock)) {
    Block& block = *blocks.emplace_back(std::make_shared<Block>());
    block.replace(0, 0, std::move(some));
  }
  blocks_.replace(first, end, std::move(blocks));
}

void EndpointList::splice(const EndpointSplice& splice) {
  if (splice.removed == 0 && splice.added.empty()) return;
  if (!splice_within(splice)) splice_across(splice);
}

void EndpointList::splice(std::span<const EndpointSplice> splices) {
  for (const EndpointSplice& one : splices) splice(one);
}

}  // namespace policyc::policy
