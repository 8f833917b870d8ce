#include "tests/kernel/soak/talk.h"

#include <utility>

namespace policyc::soak {
namespace {

using kernel_test::kAck;
using kernel_test::kFin;
using kernel_test::kPsh;
using kernel_test::kRst;
using kernel_test::kSyn;
using kernel_test::kTcp;
using kernel_test::kUdp;
using kernel_test::Layer;

constexpr std::size_t kSmall = 16;
constexpr std::size_t kLarge = 1600;

}  // namespace

Talk::Talk(int family, std::uint8_t protocol, End beginner, End other)
    : family_(family),
      protocol_(protocol),
      beginner_(std::move(beginner)),
      other_(std::move(other)) {}

void Talk::write_script(Dice& dice) {
  script_.clear();
  at_ = 0;
  if (protocol_ != kTcp) {
    for (std::size_t i = 0; i < 1 + dice.below(8); ++i) script_.push_back({!dice.one_in(3), 0});
    return;
  }
  script_ = {{true, kSyn}, {false, kSyn | kAck}, {true, kAck}};
  const auto data = [&] {
    for (std::size_t i = 0; i < dice.below(6); ++i)
      script_.push_back(
          {dice.one_in(2), static_cast<std::uint8_t>(dice.one_in(2) ? kAck : kPsh | kAck)});
  };
  data();
  const bool first = dice.one_in(2);
  if (dice.one_in(5)) {
    script_.push_back({first, kRst | kAck});
    return;
  }
  script_.push_back({first, kFin | kAck});
  script_.push_back({!first, kAck});
  data();  // half closed
  if (dice.one_in(5)) return;
  script_.push_back({!first, kFin | kAck});
  script_.push_back({first, kAck});
}

Talk::Said Talk::next(Dice& dice) {
  if (at_ >= script_.size()) write_script(dice);
  const bool large = dice.one_in(12);
  switch (dice.below(20)) {
    case 0:
    case 1: {  // again
      const Line& line = script_[dice.below(at_ + 1)];
      return say(line.by_beginner, line.tcp_flags, large);
    }
    case 2:
    case 3:  // the next two change places
      if (at_ + 1 < script_.size()) std::swap(script_[at_], script_[at_ + 1]);
      break;
    case 4:  // one is never sent
      if (at_ + 1 < script_.size()) ++at_;
      break;
    case 5:
      return say(dice.one_in(2), kRst, false);
    case 6: {
      // A SYN that ends a connection would begin one for who hears of it twice; no host takes it.
      const auto flags = static_cast<std::uint8_t>(dice.below(32));
      const bool both = (flags & kSyn) != 0 && (flags & kFin) != 0;
      return say(dice.one_in(2), both ? kFin : flags, large);
    }
    default:
      break;
  }
  const Line line = script_[at_++];
  return say(line.by_beginner, line.tcp_flags, large && (line.tcp_flags & kSyn) == 0);
}

Talk::Said Talk::say(bool by_beginner, std::uint8_t tcp_flags, bool large) const {
  Said said{.by_beginner = by_beginner,
            .tcp_flags = protocol_ == kTcp ? tcp_flags : std::uint8_t{0},
            .large = large,
            .frame = {}};
  const End& from = by_beginner ? beginner_ : other_;
  const End& to = by_beginner ? other_ : beginner_;
  Layer header = kernel_test::Ipv4{.source = from.address, .destination = to.address};
  if (family_ == 6) header = kernel_test::Ipv6{.source = from.address, .destination = to.address};
  Layer transport;
  if (protocol_ == kTcp) {
    transport = kernel_test::Tcp{
        .source_port = from.port, .destination_port = to.port, .flags = said.tcp_flags};
  } else if (protocol_ == kUdp) {
    transport = kernel_test::Udp{.source_port = from.port, .destination_port = to.port};
  } else {
    const int type = family_ == 4 ? (by_beginner ? 8 : 0) : (by_beginner ? 128 : 129);
    transport = kernel_test::Icmp{.type = static_cast<std::uint8_t>(type), .id = beginner_.port};
  }
  said.frame = kernel_test::build({kernel_test::Eth{}, header, transport,
                                   kernel_test::Payload{.size = large ? kLarge : kSmall}});
  return said;
}

}  // namespace policyc::soak
