#include "tests/kernel/fuzz/mutate.h"

#include <algorithm>

#include "tests/kernel/fuzz/duel.h"

namespace policyc::packet_fuzz {
namespace {

using fuzz::Dice;
using kernel_test::Bytes;

constexpr std::size_t kHeaders = 120;  // most headers end before

std::ptrdiff_t at(std::size_t offset) { return static_cast<std::ptrdiff_t>(offset); }

// Where the IP header begins.
std::size_t network(const Bytes& frame) {
  std::size_t type = 12;
  for (int tags = 0; tags < 3 && type + 6 <= frame.size(); ++tags) {
    const int value = frame[type] << 8 | frame[type + 1];
    if (value != 0x8100 && value != 0x88a8) break;
    type += 4;
  }
  return type + 2;
}

void put16(Bytes& frame, std::size_t offset, std::size_t value) {
  if (offset + 2 > frame.size()) return;
  frame[offset] = static_cast<std::uint8_t>(value >> 8 & 0xff);
  frame[offset + 1] = static_cast<std::uint8_t>(value & 0xff);
}

bool is_ipv6(const Bytes& frame, std::size_t ip) {
  return ip < frame.size() && frame[ip] >> 4 == 6;
}

std::size_t ip_header(const Bytes& frame, std::size_t ip) {
  if (is_ipv6(frame, ip)) return 40;
  return ip < frame.size() ? static_cast<std::size_t>(frame[ip] & 0xf) * 4 : 20;
}

void set_edge_byte(Dice& dice, Bytes& frame, std::size_t offset) {
  static const std::vector<std::uint8_t> kEdges{
      0,  1,  2,  3,  4,  5,   6,   7,   8,   11,  12,  17,  20,  40,  43,  44,  50, 51,
      58, 59, 60, 63, 64, 112, 127, 128, 129, 132, 133, 134, 135, 136, 137, 254, 255};
  if (offset < frame.size()) frame[offset] = dice.pick(kEdges);
}

// A length or an offset that is just right, or just not.
void set_edge_length(Dice& dice, Bytes& frame, std::size_t offset, std::size_t right) {
  const std::vector<std::size_t> edges{
      right, right - 1, right + 1, right - 4, right - 8, right - 12, right / 2, 0,      1,
      8,     19,        20,        21,        28,        40,         48,        0x7fff, 0xffff};
  put16(frame, offset, dice.pick(edges));
}

// One field of the outermost IP header or of what is behind it.
void mutate_field(Dice& dice, Bytes& frame) {
  const std::size_t ip = network(frame);
  if (ip + 20 > frame.size()) return;
  const bool v6 = is_ipv6(frame, ip);
  const std::size_t transport = ip + ip_header(frame, ip);
  switch (dice.below(12)) {
    case 0:
      return put16(frame, ip - 2,
                   dice.pick(std::vector<std::size_t>{0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8,
                                                      0x8847, 0x0005}));
    case 1:
      frame[ip] =
          static_cast<std::uint8_t>(dice.one_in(2) ? 0x40 | dice.below(16) : dice.below(256));
      return;
    case 2:
    case 3:
      return set_edge_length(dice, frame, ip + (v6 ? 4 : 2), frame.size() - (v6 ? transport : ip));
    case 4:
      return set_edge_byte(dice, frame, ip + (v6 ? 6 : 9));  // next header, protocol
    case 5:
      return v6 ? set_edge_byte(dice, frame, ip + 7)  // hop limit
                : put16(frame, ip + 6,                // fragment
                        dice.pick(std::vector<std::size_t>{0x2000, 0x4000, 0x8000, 1, 2, 3, 0x2001,
                                                           0x1fff, 0x3fff, 0}));
    case 6:
      return set_edge_byte(dice, frame, transport);  // ICMP type, next header, port
    case 7:
      return set_edge_byte(dice, frame, transport + 1);  // ICMP code, extension's length
    case 8:
      return put16(
          frame, transport + 2,
          dice.pick(std::vector<std::size_t>{0, 1, 8, 9, 16, 17, 24, 53, 80, 3868, 40000}));
    case 9:
      return set_edge_byte(dice, frame, transport + 12 + dice.below(2));  // data offset, flags
    case 10:
      return set_edge_byte(dice, frame, transport + 8 + dice.below(4));  // next extension, quote
    default:
      return set_edge_byte(dice, frame, transport + 8 + (v6 ? 6 : 9));  // a quote's protocol
  }
}

std::size_t draw_offset(Dice& dice, const Bytes& frame) {
  return 12 + dice.below(std::max<std::size_t>(std::min(frame.size(), kHeaders), 13) - 12);
}

// Exchanges two stretches of equal length.
void swap_stretches(Dice& dice, Bytes& frame) {
  const std::size_t ip = network(frame);
  const bool v6 = is_ipv6(frame, ip);
  std::size_t first = ip + (v6 ? 8 : 12), size = v6 ? 16 : 4,
              second = first + size;  // the addresses
  if (dice.one_in(2)) {
    size = 8;
    first = draw_offset(dice, frame);
    second = draw_offset(dice, frame);
  }
  if (first > second) std::swap(first, second);
  if (first + size > second || second + size > frame.size()) return;
  std::swap_ranges(frame.begin() + at(first), frame.begin() + at(first + size),
                   frame.begin() + at(second));
}

void mutate_once(Dice& dice, Bytes& frame) {
  const std::size_t offset = draw_offset(dice, frame);
  switch (dice.below(14)) {
    case 0:
    case 1:
      frame[offset] = static_cast<std::uint8_t>(frame[offset] ^ 1U << dice.below(8));
      return;
    case 2:
      return set_edge_byte(dice, frame, offset);
    case 3:
      return frame.resize(dice.below(frame.size()));
    case 4:
      return cut_honestly(frame, dice.below(frame.size()));
    case 5: {  // something new in between
      frame.insert(frame.begin() + at(offset), 1 + dice.below(16),
                   static_cast<std::uint8_t>(dice.below(256)));
      return;
    }
    case 6: {  // something once more
      const Bytes copy(
          frame.begin() + at(offset),
          frame.begin() + at(std::min(frame.size(), offset + 8 * (1 + dice.below(5)))));
      frame.insert(frame.begin() + at(offset), copy.begin(), copy.end());
      if (dice.one_in(2)) cut_honestly(frame, frame.size());
      return;
    }
    case 7:
      return swap_stretches(dice, frame);
    case 8:
      return frame.resize(frame.size() + 1 + dice.below(64));
    default:
      return mutate_field(dice, frame);
  }
}

}  // namespace

void cut_honestly(Bytes& frame, std::size_t size) {
  frame.resize(std::min(size, frame.size()));
  const std::size_t ip = network(frame);
  const bool v6 = is_ipv6(frame, ip);
  const std::size_t begin = ip + (v6 ? 40 : 0);
  if (frame.size() >= begin) put16(frame, ip + (v6 ? 4 : 2), frame.size() - begin);
}

void mutate(Dice& dice, Bytes& frame) {
  Bytes before = frame;
  for (std::size_t count = 1 + dice.below(3); count > 0 && frame.size() > 14; --count)
    mutate_once(dice, frame);
  if (frame.size() > kLongestFrame) frame.resize(kLongestFrame);
  if (!test_run_takes(frame)) frame = std::move(before);
}

}  // namespace policyc::packet_fuzz
