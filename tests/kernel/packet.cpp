#include "tests/kernel/packet.h"

#include <stdexcept>
#include <type_traits>

#include <arpa/inet.h>

namespace policyc::kernel_test {
namespace {

class Writer {
 public:
  Writer& u8(std::uint32_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value & 0xff));
    return *this;
  }
  Writer& be16(std::uint32_t value) { return u8(value >> 8).u8(value); }
  Writer& be32(std::uint32_t value) { return be16(value >> 16).be16(value & 0xffff); }
  Writer& zeros(std::size_t count) {
    bytes_.insert(bytes_.end(), count, 0);
    return *this;
  }
  Writer& append(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& address(int family, const std::string& text) {
    Bytes bytes(family == AF_INET ? 4 : 16);
    if (inet_pton(family, text.c_str(), bytes.data()) != 1) throw std::invalid_argument(text);
    return append(bytes);
  }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// What the layer before a layer calls it.
struct Names {
  std::uint16_t ethertype = 0;
  std::uint8_t protocol = 59;  // "no next header"
};

Names names_of(const Layer& layer, bool ipv6) {
  return std::visit(
      [&](const auto& value) -> Names {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Vlan>) return {.ethertype = value.tpid};
        if constexpr (std::is_same_v<T, Arp>) return {.ethertype = 0x0806};
        if constexpr (std::is_same_v<T, Ipv4>) return {.ethertype = 0x0800, .protocol = 4};
        if constexpr (std::is_same_v<T, Ipv6>) return {.ethertype = 0x86dd, .protocol = 41};
        if constexpr (std::is_same_v<T, Extension>) return {.protocol = value.kind};
        if constexpr (std::is_same_v<T, Fragment6>) return {.protocol = 44};
        if constexpr (std::is_same_v<T, Tcp>) return {.protocol = kTcp};
        if constexpr (std::is_same_v<T, Udp>) return {.protocol = kUdp};
        if constexpr (std::is_same_v<T, Sctp>) return {.protocol = kSctp};
        if constexpr (std::is_same_v<T, Icmp>) return {.protocol = ipv6 ? kIcmp6 : kIcmp4};
        if constexpr (std::is_same_v<T, Payload>) return {.protocol = value.protocol};
        return {};
      },
      layer);
}

Bytes header(const Eth& eth, const Names& next, std::size_t) {
  Writer writer;
  for (const std::uint32_t station : {1U, 2U}) writer.u8(2).zeros(4).u8(station);
  return writer.be16(eth.ethertype.value_or(next.ethertype)).take();
}

Bytes header(const Vlan& vlan, const Names& next, std::size_t) {
  return Writer().be16(vlan.id).be16(next.ethertype).take();
}

Bytes header(const Arp&, const Names&, std::size_t) {
  return Writer().be16(1).be16(0x0800).u8(6).u8(4).be16(1).zeros(20).take();
}

Bytes header(const Ipv4& ip, const Names& next, std::size_t behind) {
  const auto length = static_cast<std::uint32_t>(20 + ip.options.size());
  const auto total = static_cast<std::uint32_t>(length + behind);
  return Writer()
      .u8(ip.version_length.value_or(static_cast<std::uint8_t>(0x40U | (length / 4))))
      .u8(0)
      .be16(ip.total_length.value_or(static_cast<std::uint16_t>(total)))
      .be16(ip.id)
      .be16((ip.more_fragments ? 0x2000U : 0U) | (ip.fragment_offset / 8U))
      .u8(ip.ttl)
      .u8(ip.protocol.value_or(next.protocol))
      .be16(0)
      .address(AF_INET, ip.source)
      .address(AF_INET, ip.destination)
      .append(ip.options)
      .take();
}

Bytes header(const Ipv6& ip, const Names& next, std::size_t behind) {
  return Writer()
      .be32(0x60000000)
      .be16(ip.payload_length.value_or(static_cast<std::uint16_t>(behind)))
      .u8(ip.next_header.value_or(next.protocol))
      .u8(ip.hop_limit)
      .address(AF_INET6, ip.source)
      .address(AF_INET6, ip.destination)
      .take();
}

Bytes header(const Extension& extension, const Names& next, std::size_t) {
  const bool authentication = extension.kind == kAuthentication;
  const std::size_t size = authentication ? 12U + 4U * extension.extra : 8U + 8U * extension.extra;
  Bytes bytes(size, 0);
  bytes[0] = next.protocol;
  bytes[1] = static_cast<std::uint8_t>(extension.extra + (authentication ? 1 : 0));
  if (extension.kind == kRouting) bytes[3] = extension.segments_left;
  return bytes;
}

Bytes header(const Fragment6& fragment, const Names& next, std::size_t) {
  return Writer()
      .u8(fragment.next_header.value_or(next.protocol))
      .u8(0)
      .be16((fragment.offset & 0xfff8U) | (fragment.more ? 1U : 0U))
      .be32(fragment.id)
      .take();
}

Bytes header(const Tcp& tcp, const Names&, std::size_t) {
  const std::size_t options = tcp.data_offset > 5 ? 4U * (tcp.data_offset - 5U) : 0;
  return Writer()
      .be16(tcp.source_port)
      .be16(tcp.destination_port)
      .be32(1)
      .be32(0)
      .u8(static_cast<std::uint32_t>(tcp.data_offset) << 4)
      .u8(tcp.flags)
      .be16(1024)
      .be32(0)
      .zeros(options)
      .take();
}

Bytes header(const Udp& udp, const Names&, std::size_t behind) {
  return Writer()
      .be16(udp.source_port)
      .be16(udp.destination_port)
      .be16(static_cast<std::uint32_t>(8 + behind))
      .be16(0)
      .take();
}

Bytes header(const Sctp& sctp, const Names&, std::size_t) {
  return Writer().be16(sctp.source_port).be16(sctp.destination_port).be32(0).be32(0).take();
}

Bytes header(const Icmp& icmp, const Names&, std::size_t) {
  return Writer().u8(icmp.type).u8(icmp.code).be16(0).be16(icmp.id).be16(1).take();
}

Bytes header(const Payload& payload, const Names&, std::size_t) {
  return Bytes(payload.size, 0xa5);
}

}  // namespace

Bytes build(const std::vector<Layer>& layers) {
  Bytes packet;
  for (std::size_t i = layers.size(); i-- > 0;) {
    bool ipv6 = false;
    for (std::size_t j = 0; j <= i; ++j) {
      if (std::holds_alternative<Ipv6>(layers[j])) ipv6 = true;
      if (std::holds_alternative<Ipv4>(layers[j])) ipv6 = false;
    }
    const Names next = i + 1 < layers.size() ? names_of(layers[i + 1], ipv6) : Names{};
    Bytes head = std::visit([&](const auto& layer) { return header(layer, next, packet.size()); },
                            layers[i]);
    head.insert(head.end(), packet.begin(), packet.end());
    packet = std::move(head);
  }
  return packet;
}

}  // namespace policyc::kernel_test
