#include "compiler/manifest/positions.h"

#include <algorithm>

#include "compiler/manifest/text_check.h"

namespace policyc::manifest {
namespace {

constexpr std::size_t kStep = 128;

}  // namespace

Positions::Positions(std::string_view text) : text_(text) {
  if (text.starts_with(kByteOrderMark)) cursor_.offset = kByteOrderMark.size();
  Place place = cursor_;
  checkpoints_.reserve(text.size() / kStep + 1);
  checkpoints_.push_back(place);
  for (std::size_t offset = kStep; offset <= text.size(); offset += kStep) {
    advance(place, offset);
    checkpoints_.push_back(place);
  }
}

void Positions::advance(Place& place, std::size_t offset) const {
  for (std::size_t i = place.offset; i < offset; ++i) {
    const char c = text_[i];
    if (c == '\n') {
      ++place.position.line;
      place.position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
      ++place.position.column;
    }
  }
  place.offset = std::max(place.offset, offset);
}

source::Position Positions::at(std::size_t offset) {
  offset = std::min(offset, text_.size());
  const Place& checkpoint = checkpoints_[offset / kStep];
  if (cursor_.offset > offset || cursor_.offset < checkpoint.offset) cursor_ = checkpoint;
  advance(cursor_, offset);
  return cursor_.position;
}

source::Range Positions::range(source::FileId file, const Extent& extent) {
  const source::Position begin = at(extent.begin);
  return {file, begin, at(extent.end)};
}

}  // namespace policyc::manifest
