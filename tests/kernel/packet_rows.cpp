#include "tests/kernel/packet_rows.h"

namespace policyc::kernel_test {
namespace {

std::uint8_t u8(int value) { return static_cast<std::uint8_t>(value); }

}  // namespace

Draw transport(const Layer& layer) {
  return [layer](Way way) { return Layers{Eth{}, ip(way), layer, Payload{.size = 8}}; };
}

Draw icmp_type(int v4, int v6, int code) {
  return [=](Way way) {
    return Layers{Eth{}, ip(way), Icmp{.type = u8(way.family == 4 ? v4 : v6), .code = u8(code)},
                  Payload{.size = 8}};
  };
}

Draw fragment(int offset, bool more, const Layer& content) {
  return [=](Way way) {
    Layers layers{Eth{}, ip(way)};
    if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
      v4->fragment_offset = static_cast<std::uint16_t>(offset);
      v4->more_fragments = more;
    } else {
      layers.emplace_back(Fragment6{.offset = static_cast<std::uint16_t>(offset), .more = more});
    }
    layers.insert(layers.end(), {content, Payload{.size = 8}});
    return layers;
  };
}

namespace {

Draw neighbour(int type, const char* source = nullptr, int hop_limit = 255, int code = 0,
               const Layers& between = {}, std::size_t size = 40) {
  return [=](Way way) {
    Ipv6 header = std::get<Ipv6>(ip(way));
    if (source != nullptr) header.source = source;
    header.hop_limit = u8(hop_limit);
    Layers layers{Eth{}, header};
    layers.insert(layers.end(), between.begin(), between.end());
    layers.insert(layers.end(),
                  {Icmp{.type = u8(type), .code = u8(code)}, Payload{.size = size - 8}});
    return layers;
  };
}
Draw with_options(const Bytes& options) {
  return [options](Way way) {
    Ipv4 header = std::get<Ipv4>(ip(way));
    header.options = options;
    return Layers{Eth{}, header, Tcp{}};
  };
}
// From somebody else.
Draw foreign(const Draw& packet) {
  return [packet](Way way) {
    Layers layers = packet(way);
    if (auto* v4 = std::get_if<Ipv4>(&layers[1])) v4->source = "10.0.0.99";
    if (auto* v6 = std::get_if<Ipv6>(&layers[1])) v6->source = "fd00::99";
    return layers;
  };
}
Draw routed(int segments_left, const Layers& before = {}) {
  return [=](Way way) {
    Layers layers{Eth{}, ip(way)};
    layers.insert(layers.end(), before.begin(), before.end());
    layers.insert(
        layers.end(),
        {Extension{.kind = kRouting, .extra = 2, .segments_left = u8(segments_left)}, Tcp{}});
    return layers;
  };
}
Draw icmp_fragment(int offset, bool more) {
  return [=](Way way) {
    return fragment(offset, more, Icmp{.type = u8(way.family == 4 ? 8 : 128)})(way);
  };
}

}  // namespace

std::vector<PacketRow> flow_rows() {
  const auto no_ports = [](int protocol) {
    return transport(Payload{.size = 8, .protocol = u8(protocol)});
  };
  std::vector<PacketRow> rows{
      {.name = "arp", .packet = [](Way) { return Layers{Eth{}, Arp{}}; }},
      {.name = "tcp", .packet = transport(Tcp{}), .treatment = Treatment::OpensAndPasses},
      {.name = "tcp_reset", .packet = transport(Tcp{.flags = kRst}), .treatment = Treatment::Asks},
      {.name = "udp", .packet = transport(Udp{}), .treatment = Treatment::OpensAndPasses},
      {.name = "sctp", .packet = transport(Sctp{}), .treatment = Treatment::OpensAndPasses},
      {.name = "echo_request", .packet = icmp_type(8, 128), .treatment = Treatment::OpensAndPasses},
      {.name = "echo_reply", .packet = icmp_type(0, 129), .treatment = Treatment::Asks},
      {.name = "fragmentation_needed", .packet = icmp_type(3, 0, 4), .family = 4},
      {.name = "packet_too_big",
       .packet = icmp_type(0, 2),
       .treatment = Treatment::Asks,
       .family = 6},
  };
  for (const int type : {3, 11, 12})
    rows.push_back({.name = "error_" + std::to_string(type),
                    .packet = icmp_type(type, 0, 1),
                    .treatment = Treatment::Asks,
                    .family = 4});
  for (const int type : {1, 2, 3, 4})
    rows.push_back({.name = "error_" + std::to_string(type),
                    .packet = icmp_type(0, type, 4),
                    .treatment = Treatment::Asks,
                    .family = 6});
  for (const int type : {4, 5, 9, 10, 13, 14, 17, 18, 128, 255})
    rows.push_back({.name = "icmp_" + std::to_string(type),
                    .packet = icmp_type(type, 0),
                    .treatment = Treatment::Asks,
                    .family = 4});
  for (const int type : {0, 5, 8, 127, 130, 131, 132, 138, 143, 255})
    rows.push_back({.name = "icmp_" + std::to_string(type),
                    .packet = icmp_type(0, type),
                    .treatment = Treatment::Asks,
                    .family = 6});
  for (const int protocol : {2, 4, 41, 47, 50, 59, 89, 94, 103, 112, 255})
    rows.push_back({.name = "protocol_" + std::to_string(protocol),
                    .packet = no_ports(protocol),
                    .treatment = Treatment::OpensAndPasses});
  // The headers that only IPv6 has.
  for (const int protocol : {0, 43, 44, 51, 60})
    rows.push_back({.name = "protocol_" + std::to_string(protocol),
                    .packet = no_ports(protocol),
                    .treatment = Treatment::OpensAndPasses,
                    .family = 4});
  return rows;
}

std::vector<PacketRow> neighbour_rows() {
  std::vector<PacketRow> rows;
  for (int type = 133; type <= 137; ++type) {
    const std::string name = "neighbour_" + std::to_string(type);
    const bool from_routers = type == 134 || type == 137;
    for (const char* source : {"fe80::1", "::", "febf::1", "fd00::10"}) {
      rows.push_back({.name = name + "_sent",
                      .packet = neighbour(type, source),
                      .treatment = from_routers ? Treatment::Asks : Treatment::Passes,
                      .family = 6,
                      .hook = Hook::FromEndpoint});
    }
    rows.push_back({.name = name + "_received",
                    .packet = neighbour(type, "fe80::2"),
                    .family = 6,
                    .hook = Hook::ToEndpoint});
    rows.push_back({.name = name + "_forwarded",
                    .packet = neighbour(type, nullptr, 254),
                    .treatment = Treatment::Drops,
                    .reason = DROP_MALFORMED,
                    .family = 6});
    rows.push_back({.name = name + "_code",
                    .packet = neighbour(type, nullptr, 255, 1),
                    .treatment = Treatment::Drops,
                    .reason = DROP_MALFORMED,
                    .family = 6});
    static constexpr std::size_t kLeast[] = {8, 16, 24, 24, 40};
    const std::size_t least = kLeast[type - 133];
    rows.push_back({.name = name + "_shortest",
                    .packet = neighbour(type, nullptr, 255, 0, {}, least),
                    .family = 6,
                    .hook = Hook::ToEndpoint});
    if (least > 8) {  // less is no ICMP
      rows.push_back({.name = name + "_too_short",
                      .packet = neighbour(type, nullptr, 255, 0, {}, least - 1),
                      .treatment = Treatment::Drops,
                      .reason = DROP_TRUNCATED,
                      .family = 6});
    }
    rows.push_back({.name = name + "_foreign",
                    .packet = neighbour(type, "fec0::1"),
                    .treatment = Treatment::Drops,
                    .reason = DROP_INVALID_SOURCE_ADDRESS,
                    .family = 6,
                    .hook = Hook::FromEndpoint});
  }
  rows.push_back({.name = "neighbour_behind_options",
                  .packet = neighbour(135, nullptr, 255, 0, {Extension{}}),
                  .family = 6});
  for (const int type : {132, 138})
    rows.push_back({.name = "no_neighbour_" + std::to_string(type),
                    .packet = neighbour(type),
                    .treatment = Treatment::Asks,
                    .family = 6});
  return rows;
}

std::vector<PacketRow> foreign_rows() {
  std::vector<PacketRow> rows;
  for (PacketRow row : flow_rows()) {
    if (row.name == "arp") continue;
    row.name += "_foreign";
    row.packet = foreign(row.packet);
    row.treatment = Treatment::Drops;
    row.reason = DROP_INVALID_SOURCE_ADDRESS;
    row.hook = Hook::FromEndpoint;
    rows.push_back(row);
  }
  return rows;
}

std::vector<PacketRow> fragment_rows() {
  const auto dropped = [](const char* name, const Draw& packet, policyc_drop_reason reason,
                          int family = 0) {
    return PacketRow{.name = name,
                     .packet = packet,
                     .treatment = Treatment::Drops,
                     .reason = reason,
                     .family = family};
  };
  std::vector<PacketRow> rows{
      dropped("icmp_first_fragment", icmp_fragment(0, true), DROP_FRAGMENTED_ICMP),
      dropped("icmp_later_fragment", icmp_fragment(8, false), DROP_FRAGMENTED_ICMP),
      dropped("tcp_fragment_at_8", fragment(8, true, Tcp{}), DROP_MALFORMED),
      dropped("tcp_fragment_at_16", fragment(16, false, Tcp{}), DROP_MALFORMED),
      dropped("neighbour_fragment", neighbour(135, nullptr, 255, 0, {Fragment6{.more = true}}),
              DROP_FRAGMENTED_ICMP, 6),
      dropped("routed", routed(1), DROP_MALFORMED, 6),
      dropped("routed_far", routed(255), DROP_MALFORMED, 6),
      dropped("routed_behind_options", routed(1, {Extension{}, Extension{.extra = 3}}),
              DROP_MALFORMED, 6),
      dropped("routed_in_a_fragment", routed(1, {Fragment6{.more = true}}), DROP_MALFORMED, 6),
      dropped("loose_source_route", with_options({131, 7, 4, 10, 0, 0, 9, 0}), DROP_MALFORMED, 4),
      dropped("strict_source_route", with_options({137, 7, 8, 10, 0, 0, 9, 0}), DROP_MALFORMED, 4),
      dropped("source_route_behind_options", with_options({1, 148, 4, 0, 0, 131, 3, 4}),
              DROP_MALFORMED, 4),
      dropped("broken_option", with_options({7, 1, 4, 0}), DROP_MALFORMED, 4),
      dropped("option_beyond_the_header", with_options({7, 5, 4, 0}), DROP_MALFORMED, 4),
      {.name = "router_alert",
       .packet = with_options({148, 4, 0, 0}),
       .treatment = Treatment::OpensAndPasses,
       .family = 4},
      {.name = "arrived", .packet = routed(0), .treatment = Treatment::OpensAndPasses, .family = 6},
      {.name = "other_protocol_fragment",
       .packet = fragment(64, true, Payload{.size = 8, .protocol = 112}),
       .treatment = Treatment::OpensAndPasses},
  };
  for (const Layer& content : std::initializer_list<Layer>{Tcp{}, Udp{}, Sctp{}}) {
    rows.push_back({.name = "first_fragment",
                    .packet = fragment(0, true, content),
                    .treatment = Treatment::OpensAndPasses});
    rows.push_back(dropped("fragment_without_first", fragment(24, false, content),
                           DROP_FRAGMENT_WITHOUT_FIRST));
    rows.push_back(dropped("last_fragment_without_first", fragment(65528, false, content),
                           DROP_FRAGMENT_WITHOUT_FIRST));
  }
  return rows;
}

}  // namespace policyc::kernel_test
