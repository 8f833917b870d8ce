#include "tests/kernel/fuzz/duel.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/kernel/ageing.h"
#include "tests/kernel/flow.h"

namespace policyc::packet_fuzz {
namespace {

using kernel_test::kAllowedClass;
using kernel_test::kDeniedClass;
using kernel_test::kRedirectedClass;

int matrix(const reference::Question& question) {
  const auto allowed = [&question] {
    switch (question.protocol) {
      case kernel_test::kTcp:
        return question.port == 80;
      case kernel_test::kUdp:
        return question.port == 53;
      case kernel_test::kSctp:
        return question.port == 3868;
      case kernel_test::kIcmp4:
        return question.port == 8;
      case kernel_test::kIcmp6:
        return question.port == 128;
      default:
        return question.protocol == 112;
    }
  };
  switch (question.peer_class) {
    case kAllowedClass:
      return allowed() ? POLICYC_DECISION(POLICY_ALLOW, 11)
                       : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
    case kDeniedClass:
      return POLICYC_DECISION(POLICY_DENY, 21);
    case kRedirectedClass:
      return POLICYC_DECISION(POLICY_REDIRECT, 31);
    case kernel_test::kNegativeClass:
      return -255;
    case kernel_test::kNonsenseClass:
      return POLICYC_DECISION(77, 51);
    case kernel_test::kAuthenticatedClass:
      return POLICYC_DECISION(POLICY_AUTH_REQUIRED, 61);
    case kernel_test::kAuditedClass:
      return static_cast<int>(POLICYC_DECISION_AUDITED) |
             (allowed() ? POLICYC_DECISION(POLICY_DENY, 81)
                        : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0));
    case kernel_test::kAuditedAllowClass:
      return static_cast<int>(POLICYC_DECISION_AUDITED) | POLICYC_DECISION(POLICY_ALLOW, 91);
    default:
      return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
  }
}

std::uint32_t slot_of(Policy policy) {
  return kernel_test::kSlot + static_cast<std::uint32_t>(policy);
}

// What the event of a dropped packet says of it; empty if the model has read the same. What did not
// parse says little.
std::string compare_event(const event& drop, const reference::Answer& must) {
  const reference::Parsed& packet = must.packet;
  if (must.reason == DROP_NONE || packet.refused != DROP_NONE) return {};
  const bool is_icmp =
      packet.protocol == kernel_test::kIcmp4 || packet.protocol == kernel_test::kIcmp6;
  if (drop.family != packet.source.family) return "event: family";
  if (drop.protocol != packet.protocol) return "event: protocol";
  if (!std::equal(packet.source.bytes.begin(), packet.source.bytes.end(), drop.source))
    return "event: source";
  if (!std::equal(packet.destination.bytes.begin(), packet.destination.bytes.end(),
                  drop.destination))
    return "event: destination";
  if (__builtin_bswap16(drop.source_port) != packet.source_port) return "event: source port";
  if (__builtin_bswap16(drop.destination_port) !=
      (is_icmp ? packet.icmp_type : packet.destination_port))
    return "event: destination port";
  if (drop.tcp_flags != packet.tcp_flags) return "event: TCP flags";
  return {};
}

}  // namespace

reference::Policy policy_of(Policy policy) {
  switch (policy) {
    case Policy::AllowAll:
      return [](const reference::Question&) { return POLICYC_DECISION(POLICY_ALLOW, 1); };
    case Policy::DenyAll:
      return [](const reference::Question&) { return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0); };
    case Policy::Matrix:
      return matrix;
  }
  throw std::invalid_argument("policy");
}

const std::vector<Peer>& peers() {
  static const std::vector<Peer> all{
      {kernel_test::kRemote4, kAllowedClass},
      {kernel_test::kRemote6, kAllowedClass},
      {"10.0.0.30", kDeniedClass},
      {"fd00::30", kDeniedClass},
      {"10.0.0.40", kAllowedClass},
      {"fd00::40", kAllowedClass},
  };
  return all;
}

const std::vector<PeerPrefix>& peer_prefixes() {
  static const std::vector<PeerPrefix> all{
      {"10.1.0.0", 16, kAllowedClass},        {"10.1.2.0", 23, kRedirectedClass},
      {"10.1.4.1", 32, kDeniedClass},         {"fd01::", 16, kAllowedClass},
      {"fd01:0:0:2::", 63, kRedirectedClass}, {"fd01:0:0:4::1", 128, kDeniedClass},
  };
  return all;
}

bool test_run_takes(const Bytes& frame) {
  constexpr std::size_t kEthernet = 14;
  if (frame.size() <= kEthernet || frame.size() > kLongestFrame) return false;
  const int type = frame[12] << 8 | frame[13];
  return frame.size() >= kEthernet + (type == 0x0800 ? 20U : type == 0x86dd ? 40U : 1U);
}

Reference::Reference(const reference::Tolerance& tolerate) {
  model_.tolerate = tolerate;
  model_.endpoint.ipv4 = reference::Address::of(kernel_test::kLocal4);
  model_.endpoint.ipv6 = reference::Address::of(kernel_test::kLocal6);
  model_.node.world4_class = model_.node.world6_class = kernel_test::kUnknownClass;
  model_.policy = policy_of(Policy::Matrix);
  for (const Peer& peer : peers())
    model_.ip_cache.set(reference::Address::of(peer.address), peer.peer_class);
  for (const PeerPrefix& prefix : peer_prefixes())
    model_.ip_cache.set_prefix(reference::Address::of(prefix.address), prefix.length,
                               prefix.peer_class);
}

std::optional<reference::Answer> Reference::play(const Step& step) {
  if (const auto* settings = std::get_if<Settings>(&step)) {
    model_.policy = policy_of(settings->policy);
    model_.endpoint.audit = settings->audit;
    model_.node.extended_protocols = settings->extended;
    model_.node.prefixes4 = settings->prefixes4;
    model_.node.prefixes6 = settings->prefixes6;
    model_.node.epoch = settings->epoch;
  } else if (const auto* peer = std::get_if<PeerClass>(&step)) {
    model_.ip_cache.set(reference::Address::of(peer->address.c_str()), peer->peer_class);
  } else if (const auto* age = std::get_if<Age>(&step)) {
    model_.advance(age->seconds);
  } else {
    const auto& packet = std::get<Packet>(step);
    return model_.receive(packet.frame, direction(packet.hook), packet.gso);
  }
  return std::nullopt;
}

Duel::Duel(const reference::Tolerance& tolerate)
    : tolerate_(tolerate), datapath_(Policy::AllowAll) {
  static_assert(static_cast<int>(Policy::AllowAll) == 0, "the first policy is in kSlot");
  for (const Policy policy : {Policy::DenyAll, Policy::Matrix})
    datapath_.add_policy(policy, slot_of(policy));
  for (const Peer& peer : peers()) datapath_.set_peer(peer.address, peer.peer_class);
  for (const PeerPrefix& prefix : peer_prefixes())
    datapath_.set_prefix(prefix.address, prefix.length, prefix.peer_class,
                         kernel_test::kRemoteIdentity);
}

void Duel::reset() {
  kernel_test::forget_everything(datapath_);
  apply(Settings{});
  for (const Peer& peer : peers()) {
    if (changed_peers_.erase(peer.address) != 0) datapath_.set_peer(peer.address, peer.peer_class);
  }
}

void Duel::apply(const Settings& settings) {
  datapath_.set_endpoint(settings.audit ? ENDPOINT_AUDIT : 0, slot_of(settings.policy));
  datapath_.set_config((settings.extended ? NODE_EXTENDED_PROTOCOLS : 0U) |
                           (settings.prefixes4 ? NODE_HAS_PREFIXES4 : 0U) |
                           (settings.prefixes6 ? NODE_HAS_PREFIXES6 : 0U),
                       settings.epoch);
}

void Duel::apply(const PeerClass& peer) {
  const bool known = std::any_of(peers().begin(), peers().end(), [&](const Peer& candidate) {
    return peer.address == candidate.address;
  });
  if (!known) throw std::runtime_error(peer.address + " is none of the peers");
  datapath_.set_peer(peer.address.c_str(), peer.peer_class);
  changed_peers_.insert(peer.address);
}

void Duel::apply(const Age& age) const { kernel_test::age_connections(datapath_, age.seconds); }

Duel::Observed Duel::run(const Packet& packet) {
  const int program = datapath_.program(packet.hook);
  std::uint32_t action = 0;
  if (packet.gso) {
    __sk_buff context{};
    context.gso_segs = 2;
    context.gso_size = 1000;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet.frame.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.frame.size()), .ctx_in = &context,
                .ctx_size_in = sizeof(context), .repeat = 1);
    if (const int error = bpf_prog_test_run_opts(program, &run); error != 0)
      throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
    action = run.retval;
  } else {
    action = datapath_.run(program, packet.frame).action;
  }
  Observed observed;
  std::size_t drops = 0;
  for (const event& record : datapath_.drain_events()) {
    if (record.type != EVENT_DROP) continue;
    ++drops;
    observed.reason = static_cast<policyc_drop_reason>(record.reason);
    observed.drop = record;
  }
  if (action != static_cast<std::uint32_t>(POLICYC_PASS) && action != POLICYC_DROP)
    observed.nonsense = "returned " + std::to_string(action);
  if (drops != (action == static_cast<std::uint32_t>(POLICYC_PASS) ? 0U : 1U))
    observed.nonsense =
        "returned " + std::to_string(action) + " with " + std::to_string(drops) + " drop events";
  return observed;
}

// Whether an expired entry is still in a table is the datapath's affair.
std::string Duel::compare_tables(const reference::Model& model) const {
  const std::size_t count = datapath_.connections();
  if (count >= model.living() && count <= model.connections().size()) return {};
  return std::to_string(count) + " connections, must be " + std::to_string(model.living()) +
         (model.living() == model.connections().size()
              ? ""
              : " to " + std::to_string(model.connections().size()));
}

Sequence Duel::expect(Sequence sequence) const {
  Reference reference(tolerate_);
  for (Step& step : sequence) {
    const std::optional<reference::Answer> must = reference.play(step);
    if (auto* packet = std::get_if<Packet>(&step)) packet->expected = must->reason;
  }
  return sequence;
}

std::optional<Disagreement> Duel::play(const Sequence& sequence) {
  reset();
  Reference reference(tolerate_);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const std::optional<reference::Answer> must = reference.play(sequence[i]);
    if (const auto* packet = std::get_if<Packet>(&sequence[i])) {
      const Observed observed = run(*packet);
      ++answers_[observed.reason];
      if (!observed.nonsense.empty()) return Disagreement{i, observed.nonsense};
      if (observed.reason != must->reason)
        return Disagreement{i, "datapath: " + reason_name(observed.reason) +
                                   ", reference: " + reason_name(must->reason)};
      if (packet->expected && packet->expected != must->reason)
        return Disagreement{i, "both: " + reason_name(must->reason) +
                                   ", expected: " + reason_name(*packet->expected)};
      if (const std::string words = compare_event(observed.drop, *must); !words.empty())
        return Disagreement{i, words};
      if (const std::string tables = compare_tables(reference.model()); !tables.empty())
        return Disagreement{i, tables};
    } else if (const auto* settings = std::get_if<Settings>(&sequence[i])) {
      apply(*settings);
    } else if (const auto* peer = std::get_if<PeerClass>(&sequence[i])) {
      apply(*peer);
    } else {
      apply(std::get<Age>(sequence[i]));
    }
  }
  return std::nullopt;
}

}  // namespace policyc::packet_fuzz
