#include "tests/kernel/answers.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace policyc::kernel_test {
namespace {

// RFC 1071, by its definition.
std::uint16_t checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(~sum);
}

void put16(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  bytes.at(offset) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(offset + 1) = static_cast<std::uint8_t>(value);
}

void put32(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  put16(bytes, offset, value >> 16);
  put16(bytes, offset + 2, value);
}

Bytes part(const Bytes& bytes, std::size_t offset, std::size_t size) {
  if (offset + size > bytes.size()) throw std::out_of_range("part");
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

std::size_t address_size(int family) { return family == 4 ? 4 : 16; }

// Of a frame's IP header: where the two addresses begin.
std::size_t addresses(int family) { return family == 4 ? 12 : 8; }

Bytes ip_header(const Bytes& frame, int family, std::size_t network, std::uint8_t protocol,
                std::size_t behind) {
  const std::size_t size = address_size(family);
  Bytes header(addresses(family), 0);
  if (family == 4) {
    header[0] = 0x45;
    header[1] = protocol == kIcmp4 ? 0xc0 : 0;
    put16(header, 2, static_cast<std::uint32_t>(20 + behind));
    header[6] = 0x40;
    header[8] = 64;
    header[9] = protocol;
  } else {
    header[0] = 0x60;
    put16(header, 4, static_cast<std::uint32_t>(behind));
    header[6] = protocol;
    header[7] = 64;
  }
  append(header, part(frame, network + addresses(family) + size, size));
  append(header, part(frame, network + addresses(family), size));
  if (family == 4) put16(header, 10, checksum(header));
  return header;
}

// With checksum 0 where `segment` has its own.
std::uint16_t transport_checksum(const Bytes& ip, int family, std::uint8_t protocol,
                                 const Bytes& segment) {
  Bytes all;
  if (protocol != kIcmp4) {
    all = part(ip, addresses(family), 2 * address_size(family));
    all.resize(all.size() + 8);
    put32(all, all.size() - 8, static_cast<std::uint32_t>(segment.size()));
    put32(all, all.size() - 4, protocol);
  }
  append(all, segment);
  return checksum(all);
}

Bytes whole(const Bytes& frame, int family, std::size_t tags, std::uint8_t protocol, Bytes segment,
            std::size_t checksum_offset) {
  const std::size_t network = network_offset(tags);
  Bytes result = part(frame, 6, 6);
  append(result, part(frame, 0, 6));
  append(result, part(frame, 12, network - 12));
  const Bytes ip = ip_header(frame, family, network, protocol, segment.size());
  put16(segment, checksum_offset, transport_checksum(ip, family, protocol, segment));
  append(result, ip);
  append(result, segment);
  return result;
}

}  // namespace

Answered run_marked(const Datapath& datapath, Hook hook, const Bytes& frame, std::uint32_t mark) {
  Answered result{.action = 0, .frame = Bytes(frame.size() + 2048), .mark = 0};
  __sk_buff in{};
  __sk_buff out{};
  in.mark = mark;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(), .data_out = result.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(result.frame.size()), .ctx_in = &in,
              .ctx_out = &out, .ctx_size_in = sizeof(in), .ctx_size_out = sizeof(out), .repeat = 1);
  if (bpf_prog_test_run_opts(datapath.program(hook), &run) != 0)
    throw std::runtime_error("BPF_PROG_TEST_RUN");
  result.frame.resize(run.data_size_out);
  result.action = run.retval;
  result.mark = out.mark;
  return result;
}

std::unique_ptr<Datapath> denying(std::uint32_t flags) {
  auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_peer(kRemote4, kDeniedClass);
  datapath->set_peer(kRemote6, kDeniedClass);
  datapath->set_config(flags);
  return datapath;
}

namespace {

int bucket_map(const Datapath& datapath) {
  return bpf_object__find_map_fd_by_name(datapath.objects()[0], "answer_state");
}

// The values of all CPUs, and the size of one.
std::pair<std::vector<std::uint8_t>, std::size_t> read_buckets(const Datapath& datapath) {
  const bpf_map* map = bpf_object__find_map_by_name(datapath.objects()[0], "answer_state");
  if (map == nullptr) throw std::runtime_error("answer_state");
  const std::size_t size = (bpf_map__value_size(map) + 7U) / 8 * 8;
  std::vector<std::uint8_t> values(size * static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t first = 0;
  if (bpf_map_lookup_elem(bucket_map(datapath), &first, values.data()) != 0)
    throw std::runtime_error("answer_state");
  return {std::move(values), size};
}

}  // namespace

void set_bucket(const Datapath& datapath, std::uint64_t full_ns) {
  auto [values, size] = read_buckets(datapath);
  for (std::size_t at = 0; at < values.size(); at += size)
    std::memcpy(values.data() + at, &full_ns, sizeof(full_ns));
  const std::uint32_t first = 0;
  if (bpf_map_update_elem(bucket_map(datapath), &first, values.data(), BPF_ANY) != 0)
    throw std::runtime_error("answer_state");
}

std::uint64_t bucket(const Datapath& datapath) {
  const auto [values, size] = read_buckets(datapath);
  std::uint64_t latest = 0;
  for (std::size_t at = 0; at < values.size(); at += size) {
    std::uint64_t full_ns = 0;
    std::memcpy(&full_ns, values.data() + at, sizeof(full_ns));
    latest = std::max(latest, full_ns);
  }
  return latest;
}

bool is_sound(const Bytes& frame, int family) {
  const Bytes ip = part(frame, network_offset(), frame.size() - network_offset());
  const std::size_t size = family == 4 ? 20 : 40;
  const Bytes header = part(ip, 0, size);
  const Bytes segment = part(ip, size, ip.size() - size);
  const std::uint8_t protocol = header[family == 4 ? 9 : 6];
  const std::size_t length = header[family == 4 ? 2 : 4] * 256U + header[family == 4 ? 3 : 5];
  return header[0] == (family == 4 ? 0x45 : 0x60) && (family == 6 || checksum(header) == 0) &&
         length == (family == 4 ? ip.size() : segment.size()) &&
         transport_checksum(header, family, protocol, segment) == 0;
}

void make_sound(Bytes& frame, int family) {
  const std::size_t network = network_offset();
  const std::size_t size = family == 4 ? 20 : 40;
  const std::uint8_t protocol = frame[network + (family == 4 ? 9 : 6)];
  const std::size_t place = network + size + (protocol == kTcp ? 16U : protocol == kUdp ? 6U : 2U);
  put16(frame, place, 0);
  if (family == 4) put16(frame, network + 10, 0);
  const Bytes header = part(frame, network, size);
  if (family == 4) put16(frame, network + 10, checksum(header));
  const Bytes segment = part(frame, network + size, frame.size() - network - size);
  put16(frame, place, transport_checksum(header, family, protocol, segment));
}

void set_tcp_numbers(Bytes& frame, std::size_t offset, std::uint32_t sequence, std::uint32_t ack) {
  put32(frame, offset + 4, sequence);
  put32(frame, offset + 8, ack);
}

Bytes unreachable(const Bytes& frame, int family, std::size_t quoted, std::size_t tags) {
  const bool is_v4 = family == 4;
  Bytes message(8, 0);
  message[0] = is_v4 ? 3 : 1;
  message[1] = is_v4 ? 13 : 1;
  append(message, part(frame, network_offset(tags), quoted));
  return whole(frame, family, tags, is_v4 ? kIcmp4 : kIcmp6, message, 2);
}

Bytes reset(const Bytes& frame, int family, std::size_t transport, std::uint32_t sequence,
            std::uint32_t ack, std::uint8_t flags, std::size_t tags) {
  Bytes segment = part(frame, transport + 2, 2);
  append(segment, part(frame, transport, 2));
  segment.resize(20);
  put32(segment, 4, sequence);
  put32(segment, 8, ack);
  segment[12] = 0x50;
  segment[13] = flags;
  return whole(frame, family, tags, kTcp, segment, 16);
}

}  // namespace policyc::kernel_test
