#include "tests/kernel/fuzz/frames.h"

#include <algorithm>

#include "tests/kernel/fuzz/mutate.h"

namespace policyc::packet_fuzz {
namespace {

using namespace kernel_test;

using Layers = std::vector<Layer>;

Layer ip_layer(const Conversation& conversation, Hook hook) {
  const bool sent = hook == Hook::FromEndpoint;
  if (conversation.first.family == 4)
    return Ipv4{.source = sent ? kLocal4 : conversation.peer,
                .destination = sent ? conversation.peer : kLocal4};
  return Ipv6{.source = sent ? kLocal6 : conversation.peer,
              .destination = sent ? conversation.peer : kLocal6};
}

Layer transport_layer(const Conversation& conversation, Hook hook, std::uint8_t tcp_flags) {
  const bool reply = hook != conversation.first.hook;
  std::uint16_t source = conversation.source_port;
  std::uint16_t destination = conversation.destination_port;
  if (reply) std::swap(source, destination);
  switch (conversation.protocol) {
    case kTcp:
      return Tcp{.source_port = source, .destination_port = destination, .flags = tcp_flags};
    case kUdp:
      return Udp{.source_port = source, .destination_port = destination};
    case kSctp:
      return Sctp{.source_port = source, .destination_port = destination};
    case kIcmp4:
      return Icmp{.type = static_cast<std::uint8_t>(reply ? 0 : 8), .id = conversation.source_port};
    case kIcmp6:
      return Icmp{.type = static_cast<std::uint8_t>(reply ? 129 : 128),
                  .id = conversation.source_port};
    default:
      return Payload{.size = 12, .protocol = conversation.protocol};
  }
}

std::uint8_t draw_flags(Dice& dice) {
  return dice.pick(std::vector<std::uint8_t>{kSyn, kSyn, kSyn | kAck, kAck, kAck, kPsh | kAck,
                                             kFin | kAck, kFin | kAck, kFin, kRst, kRst | kAck,
                                             kSyn | kFin, kSyn | kRst, 0, 0xff});
}

// IPv4 options or IPv6 extension headers.
void add_options(Dice& dice, Layers& layers) {
  if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
    v4->options = Bytes(4 * (1 + dice.below(10)), 1);
    if (!dice.one_in(3)) return;
    // One that is read, one that routes, or one whose length is wrong.
    const std::size_t place = dice.below(v4->options.size());
    v4->options[place] = dice.pick(std::vector<std::uint8_t>{0, 7, 68, 131, 137, 148});
    if (place + 1 < v4->options.size())
      v4->options[place + 1] = static_cast<std::uint8_t>(dice.below(dice.one_in(4) ? 42 : 8));
    return;
  }
  const std::size_t count = 1 + dice.below(dice.one_in(4) ? 8 : 3);
  for (std::size_t i = 0; i < count; ++i) {
    const Extension extension{
        .kind = dice.pick(
            std::vector<std::uint8_t>{kHopByHop, kRouting, kAuthentication, kDestinationOptions}),
        .extra = static_cast<std::uint8_t>(dice.one_in(30) ? 255 : dice.below(4)),
        .segments_left = static_cast<std::uint8_t>(dice.one_in(10) ? 1 : 0)};
    layers.insert(layers.begin() + 2, extension);
  }
}

void add_tags(Dice& dice, Layers& layers) {
  const std::size_t count = dice.one_in(8) ? 3 : 1 + dice.below(2);
  for (std::size_t i = 0; i < count; ++i) {
    layers.insert(layers.begin() + 1,
                  Vlan{.id = static_cast<std::uint16_t>(dice.below(4096)),
                       .tpid = static_cast<std::uint16_t>(dice.one_in(2) ? 0x88a8 : 0x8100)});
  }
}

void make_fragment(Dice& dice, const Conversation& conversation, Layers& layers) {
  const bool first = dice.one_in(2);
  const auto offset =
      static_cast<std::uint16_t>(first ? 0 : 8 * (1 + dice.below(dice.one_in(3) ? 8000 : 6)));
  const bool more = first ? !dice.one_in(8) : dice.one_in(2);
  if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
    v4->id = static_cast<std::uint16_t>(conversation.fragment_id);
    v4->fragment_offset = offset;
    v4->more_fragments = more;
    return;
  }
  const std::size_t place = 2 + dice.below(layers.size() - 2);  // among the extension headers
  layers.insert(layers.begin() + static_cast<std::ptrdiff_t>(place),
                Fragment6{.id = conversation.fragment_id, .offset = offset, .more = more});
}

// An error about what was seen at the other hook; from the peer or from somebody on the way.
Layers draw_error(Dice& dice, const Conversation& conversation, Hook hook) {
  const bool v4 = conversation.first.family == 4;
  Layer outer = ip_layer(conversation, hook);
  if (dice.one_in(4)) {
    const char* router = v4 ? "192.0.2.1" : "2001:db8::1";
    const bool sent = hook == Hook::FromEndpoint;
    if (auto* header = std::get_if<Ipv4>(&outer))
      (sent ? header->destination : header->source) = router;
    if (auto* header = std::get_if<Ipv6>(&outer))
      (sent ? header->destination : header->source) = router;
  }
  if (hook == Hook::ToEndpoint && dice.one_in(10)) {  // to somebody else behind the interface
    if (auto* header = std::get_if<Ipv4>(&outer)) header->destination = "10.0.0.11";
    if (auto* header = std::get_if<Ipv6>(&outer)) header->destination = "fd00::11";
  }
  const auto type =
      dice.pick(v4 ? std::vector<std::uint8_t>{3, 11, 12} : std::vector<std::uint8_t>{1, 2, 3, 4});
  const Hook quoted = dice.one_in(10) ? hook : opposite(hook);
  Layers layers{Eth{}, outer, Icmp{.type = type, .code = static_cast<std::uint8_t>(dice.below(6))}};
  Layers quote{Eth{}, ip_layer(conversation, quoted)};
  if (dice.one_in(5)) add_options(dice, quote);
  quote.push_back(transport_layer(conversation, quoted, draw_flags(dice)));
  if (dice.one_in(8)) make_fragment(dice, conversation, quote);
  layers.insert(layers.end(), quote.begin() + 1, quote.end());
  return layers;
}

Layers draw_neighbour_discovery(Dice& dice, const Conversation& conversation, Hook hook) {
  Ipv6 header{.source = dice.pick(std::vector<std::string>{"fe80::1", "::", kLocal6, kRemote6,
                                                           "febf::1", "fec0::1"}),
              .destination = hook == Hook::FromEndpoint ? "ff02::1" : kLocal6,
              .hop_limit = static_cast<std::uint8_t>(dice.one_in(6) ? 254 : 255)};
  if (hook == Hook::FromEndpoint && dice.one_in(3) && conversation.first.family == 6)
    header.destination = conversation.peer;
  return {Eth{}, header,
          Icmp{.type = static_cast<std::uint8_t>(132 + dice.below(7)),
               .code = static_cast<std::uint8_t>(dice.one_in(6) ? 1 : 0)},
          Payload{.size = dice.one_in(4) ? dice.below(40) : 32}};
}

Layers draw_icmp(Dice& dice, const Conversation& conversation, Hook hook) {
  return {Eth{}, ip_layer(conversation, hook),
          Icmp{.type = dice.one_in(2) ? static_cast<std::uint8_t>(dice.below(256))
                                      : dice.pick(std::vector<std::uint8_t>{
                                            0, 5, 8, 13, 17, 100, 127, 128, 129, 130, 143}),
               .id = conversation.source_port},
          Payload{.size = 8}};
}

// The length that a packet above 64 KiB has.
void forget_length(Layers& layers) {
  if (auto* v4 = std::get_if<Ipv4>(&layers[1])) v4->total_length = 0;
  if (auto* v6 = std::get_if<Ipv6>(&layers[1])) v6->payload_length = 0;
}

}  // namespace

Conversation draw_conversation(Dice& dice) {
  Conversation result;
  result.first = {.hook = dice.one_in(2) ? Hook::FromEndpoint : Hook::ToEndpoint,
                  .family = dice.one_in(2) ? 4 : 6};
  const bool v4 = result.first.family == 4;
  result.peer =
      dice.one_in(2)
          ? (v4 ? kRemote4 : kRemote6)
          : dice.pick(v4 ? std::vector<std::string>{"10.0.0.30", "10.0.0.40", "10.1.0.1",
                                                    "10.1.2.1", "10.1.3.9", "10.1.4.1", "192.0.2.1"}
                         : std::vector<std::string>{"fd00::30", "fd00::40", "fd01::1",
                                                    "fd01:0:0:2::1", "fd01:0:0:3::9",
                                                    "fd01:0:0:4::1", "2001:db8::1"});
  result.protocol = dice.pick(std::vector<std::uint8_t>{
      kTcp, kTcp, kTcp, kTcp, kUdp, kUdp, kSctp, v4 ? kIcmp4 : kIcmp6, v4 ? kIcmp4 : kIcmp6, 112,
      static_cast<std::uint8_t>(dice.below(256))});
  result.source_port = static_cast<std::uint16_t>(40000 + dice.below(3));
  result.destination_port = result.protocol == kTcp ? 80 : result.protocol == kUdp ? 53 : 3868;
  if (dice.one_in(12)) result.source_port = result.destination_port = 0;
  if (dice.one_in(6)) result.destination_port = static_cast<std::uint16_t>(dice.below(65536));
  result.fragment_id = static_cast<std::uint32_t>(1 + dice.below(2));
  return result;
}

Frame draw_frame(Dice& dice, const Conversation& conversation) {
  const Hook hook = dice.one_in(2) ? Hook::FromEndpoint : Hook::ToEndpoint;
  Layers layers;
  switch (dice.below(12)) {
    case 0:
    case 1:
      layers = draw_error(dice, conversation, hook);
      break;
    case 2:
      layers = draw_neighbour_discovery(dice, conversation, hook);
      break;
    case 3:
      layers = draw_icmp(dice, conversation, hook);
      break;
    case 4:
      if (dice.one_in(4)) {
        layers = {Eth{}, Arp{}};
        break;
      }
      [[fallthrough]];
    default:
      layers = {Eth{}, ip_layer(conversation, hook),
                transport_layer(conversation, hook, draw_flags(dice)),
                Payload{.size = dice.below(40)}};
  }
  Frame frame{.hook = hook, .bytes = {}};
  if (layers.size() > 2) {
    if (dice.one_in(5)) add_options(dice, layers);
    for (bool more = dice.one_in(5); more; more = dice.one_in(8))
      make_fragment(dice, conversation, layers);
    frame.gso = dice.one_in(25);
    if (frame.gso || dice.one_in(60)) forget_length(layers);
  }
  if (dice.one_in(6)) add_tags(dice, layers);
  frame.bytes = build(layers);
  if (dice.one_in(12)) cut_honestly(frame.bytes, dice.below(frame.bytes.size()));
  if (dice.one_in(8)) frame.bytes.resize(frame.bytes.size() + 1 + dice.below(46));
  return frame;
}

Frame plain_frame(const Conversation& conversation, Hook hook, std::uint8_t tcp_flags) {
  return {.hook = hook,
          .bytes = build({Eth{}, ip_layer(conversation, hook),
                          transport_layer(conversation, hook, tcp_flags), Payload{.size = 16}})};
}

Frame plain_fragment(const Conversation& conversation, Hook hook, bool first) {
  Layers layers{Eth{}, ip_layer(conversation, hook)};
  const auto offset = static_cast<std::uint16_t>(first ? 0 : 24);
  if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
    v4->id = static_cast<std::uint16_t>(conversation.fragment_id);
    v4->fragment_offset = offset;
    v4->more_fragments = first;
  } else {
    layers.emplace_back(Fragment6{.id = conversation.fragment_id, .offset = offset, .more = first});
  }
  layers.push_back(transport_layer(conversation, hook, kAck));
  return {.hook = hook, .bytes = build(layers)};
}

}  // namespace policyc::packet_fuzz
