// Two engines, one verdict: what the compiled program decides in the running kernel is what
// Shape::decide says, rule id included, for random shapes of every form. Needs root; nothing is
// attached or pinned.
#include <algorithm>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "compiler/driver/compilation.h"
#include "compiler/ir/form.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "loader/events/ring.h"
#include "loader/maps/connection_table.h"
#include "runtime/abi/abi.h"
#include "tests/kernel/packet.h"
#include "tests/unit/ir/sample.h"

namespace policyc {
namespace {

using kernel_test::build;
using kernel_test::Bytes;

constexpr std::uint32_t kLoopback = 1;  // the interface that test runs name
constexpr std::uint32_t kPredicates = 6;
constexpr std::uint32_t kClasses = 14;  // from 1 on; the class behind them is one that no row names
constexpr int kPacketsPerShape = 600;

// What is asked of both engines.
struct Question {
  std::size_t direction = 0;
  std::uint32_t peer_class = 0;  // 0: an address that the IP cache does not hold
  std::uint8_t protocol = 6;
  std::uint16_t port = 0;
  bool v6 = false;
};

std::string address(bool v6, std::uint32_t host) {
  return v6 ? "fd00:77::" + std::to_string(host) : "10.77.0." + std::to_string(host);
}
constexpr std::uint32_t kEndpointHost = 200;
constexpr std::uint32_t kUnknownHost = 199;
constexpr std::uint32_t kSlot = 3;
constexpr std::uint32_t kConnectionBuckets = 256;
// That the verifier may walk for one policy program; a limit of ours.
constexpr std::uint32_t kMaxVerified = 300;

class LoadedShape {
 public:
  LoadedShape(const ir::EndpointPolicy& policy, std::vector<policy::LabelSet> peers)
      : shape_(ir::make_shape(policy)), peers_(std::move(peers)) {
    auto compiled = driver::compile_shape(shape_, source::SourceMap{});
    if (!compiled) throw std::runtime_error(compiled.error().message);
    node_ = std::make_unique<bpf::Object>(
        must(bpf::Object::open(backend::datapath_object(), "agreement")));
    for (const char* name : {"fragments", "policies"}) must(node_->set_max_entries(name, 4096));
    for (const char* name : {"conntrack4", "conntrack6"})
      must(node_->set_max_entries(name, kConnectionBuckets));
    const auto cpus = static_cast<std::uint32_t>(must(bpf::possible_cpus()));
    must(node_->set_max_entries("event_heads", cpus));
    must(node_->set_max_entries("event_slots", cpus * EVENT_SLOTS));
    must(node_->load());
    object_ = std::make_unique<bpf::Object>(must(bpf::Object::open(compiled->object, "agreement")));
    for (const char* name : {"policy_scratch", "policy_finish"})
      must(object_->reuse_map(name, map(name)));
    must(object_->load());
    link_programs();
    fill_node();
    for (const std::size_t direction : {0U, 1U}) fill_policy(direction);
    ring_ = must(events::Ring::open(map("event_heads"), map("event_slots"), events::From::Now));
  }

  const ir::Shape& shape() const { return shape_; }

  std::uint32_t expected(const Question& q) const {
    const ir::DirectionShape& part = shape_.directions[q.direction];
    // A class without a row is denied wherever the peer is looked at.
    if (part.form != ir::Form::Constant && (q.peer_class == 0 || q.peer_class > peers_.size()))
      return POLICY_DEFAULT_DENY;
    const policy::LabelSet nobody;
    const policy::LabelSet& peer =
        q.peer_class == 0 || q.peer_class > peers_.size() ? nobody : peers_[q.peer_class - 1];
    return shape_.decide(q.direction, peer, q.protocol, q.port);
  }

  // Runs one packet of a new connection and gives the decision that the datapath reports for it.
  std::uint32_t decided(const Question& q) {
    const std::string endpoint = address(q.v6, kEndpointHost);
    const std::string peer = address(q.v6, q.peer_class == 0 ? kUnknownHost : q.peer_class);
    const std::string& source = q.direction == POLICYC_EGRESS ? endpoint : peer;
    const std::string& destination = q.direction == POLICYC_EGRESS ? peer : endpoint;
    std::vector<kernel_test::Layer> layers{kernel_test::Eth{}};
    if (q.v6) {
      kernel_test::Ipv6 ip;
      ip.source = source;
      ip.destination = destination;
      layers.emplace_back(ip);
    } else {
      kernel_test::Ipv4 ip;
      ip.source = source;
      ip.destination = destination;
      layers.emplace_back(ip);
    }
    const std::uint16_t fresh = next_port_++;
    switch (q.protocol) {
      case kernel_test::kTcp:
        layers.emplace_back(kernel_test::Tcp{.source_port = fresh, .destination_port = q.port});
        break;
      case kernel_test::kUdp:
        layers.emplace_back(kernel_test::Udp{.source_port = fresh, .destination_port = q.port});
        break;
      case kernel_test::kSctp:
        layers.emplace_back(kernel_test::Sctp{.source_port = fresh, .destination_port = q.port});
        break;
      default:
        layers.emplace_back(
            kernel_test::Icmp{.type = static_cast<std::uint8_t>(q.port), .code = 0, .id = fresh});
        break;
    }
    const Bytes packet = build(layers);
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.size()));
    const int program =
        must(node_->program_fd(q.direction == POLICYC_EGRESS ? "from_endpoint" : "to_endpoint"));
    EXPECT_EQ(bpf_prog_test_run_opts(program, &run), 0);
    const auto events = ring_->read().events;
    EXPECT_EQ(events.size(), 1U) << "one event for each first packet";
    if (events.empty()) return POLICYC_UNDECIDED;
    const event& last_event = events.back();
    const bool audited = (last_event.decision & POLICYC_DECISION_AUDITED) != 0;
    const bool allowed = audited || POLICYC_DECISION_VERDICT(last_event.decision) == POLICY_ALLOW;
    EXPECT_EQ(last_event.audited != 0, audited);
    EXPECT_EQ(run.retval,
              allowed ? static_cast<std::uint32_t>(POLICYC_PASS) : std::uint32_t{POLICYC_DROP});
    EXPECT_EQ(last_event.type, allowed ? EVENT_VERDICT : EVENT_DROP);
    EXPECT_EQ(last_event.shape_tag, shape_.tag());
    EXPECT_EQ(last_event.direction, q.direction);
    return last_event.decision;
  }

  std::uint32_t verified_instructions(const char* program) const {
    return must(bpf::program_info(must(object_->program_fd(program)))).verified_instructions;
  }

 private:
  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  int map(const char* name) const {
    return must((node_->has_map(name) ? node_ : object_)->map_fd(name));
  }

  void link_programs() {
    for (const std::uint32_t direction : {POLICYC_INGRESS, POLICYC_EGRESS}) {
      const std::string end = direction == POLICYC_INGRESS ? "ingress" : "egress";
      put(map("policies"), POLICYC_POLICY_INDEX(kSlot, direction),
          must(object_->program_fd("policy_" + end)));
      put(map("policy_finish"), direction, must(node_->program_fd("finish_" + end)));
    }
  }

  template <class Key, class Value>
  void put(int fd, const Key& key, const Value& value) {
    if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) != 0)
      throw std::runtime_error(std::strerror(errno));
  }

  void fill_node() {
    endpoint_value endpoint{};
    endpoint.identity = 7000;
    endpoint.endpoint_id = 9;
    endpoint.policy_slot = kSlot;
    endpoint.shape_tag = shape_.tag();
    inet_pton(AF_INET, address(false, kEndpointHost).c_str(), &endpoint.ipv4);
    inet_pton(AF_INET6, address(true, kEndpointHost).c_str(), endpoint.ipv6);
    put(map("endpoints"), kLoopback, endpoint);
    node_config_value config{};
    config.policy_epoch = 1;
    config.flags = NODE_TRACE_VERDICTS;
    put(map("node_config"), std::uint32_t{0}, config);
    put(map("ct_table"), std::uint32_t{0},
        must(maps::make_ct_table(kConnectionBuckets, kConnectionBuckets)));
    for (std::uint32_t peer_class = 1; peer_class <= kClasses + 1; ++peer_class) {
      const ipcache_value value{1000 + peer_class, peer_class, 0};
      ipcache4_key key4{};
      ipcache6_key key6{};
      inet_pton(AF_INET, address(false, peer_class).c_str(), &key4.address);
      inet_pton(AF_INET6, address(true, peer_class).c_str(), key6.address);
      put(map("ipcache4"), key4, value);
      put(map("ipcache6"), key6, value);
    }
  }

  // What the loader does: a row for each class, and for tables the cells of each distinct row.
  void fill_policy(std::size_t direction) {
    const ir::DirectionShape& part = shape_.directions[direction];
    const std::string end = direction == 0 ? "in" : "out";
    EXPECT_EQ(object_->has_map("policy_rows_" + end), part.uses_rows());
    EXPECT_EQ(object_->has_map("policy_matrix_" + end), part.uses_matrix());
    if (part.form == ir::Form::Bitset) {
      for (std::uint32_t peer_class = 1; peer_class <= peers_.size(); ++peer_class) {
        const auto bits = shape_.row(direction, shape_.truth(direction, peers_[peer_class - 1]));
        if (bpf_map_update_elem(map(("policy_matrix_" + end).c_str()), &peer_class, bits.data(),
                                BPF_ANY) != 0)
          throw std::runtime_error(std::strerror(errno));
      }
    }
    if (!part.uses_rows()) return;
    std::map<std::vector<std::uint8_t>, std::uint32_t> row_numbers;
    std::map<std::uint32_t, policy_rows_value> elements;
    for (std::uint32_t peer_class = 1; peer_class <= peers_.size(); ++peer_class) {
      const policy::LabelSet& peer = peers_[peer_class - 1];
      std::uint16_t row = 0;
      if (part.uses_matrix()) {
        const auto cells = shape_.row(direction, shape_.truth(direction, peer));
        const auto [found, inserted] =
            row_numbers.try_emplace(cells, static_cast<std::uint32_t>(row_numbers.size() + 1));
        if (inserted && bpf_map_update_elem(map(("policy_matrix_" + end).c_str()), &found->second,
                                            cells.data(), BPF_ANY) != 0) {
          throw std::runtime_error(std::strerror(errno));
        }
        row = static_cast<std::uint16_t>(found->second);
      } else {
        row = shape_.bit_row(direction, shape_.truth(direction, peer));
      }
      elements[peer_class >> 2U].row[peer_class & 3U] = row;
    }
    for (const auto& [key, value] : elements) put(map(("policy_rows_" + end).c_str()), key, value);
  }

  ir::Shape shape_;
  std::vector<policy::LabelSet> peers_;
  std::unique_ptr<bpf::Object> node_;
  std::unique_ptr<bpf::Object> object_;
  std::optional<events::Ring> ring_;
  std::uint16_t next_port_ = 1024;
};

class RandomWorld {
 public:
  explicit RandomWorld(std::uint32_t seed) : random_(seed) {}

  // Predicates that may hold together, unlike those of RandomPolicy.
  ir::EndpointPolicy policy(ir::Form form) {
    while (true) {
      const bool many = form == ir::Form::Table || form == ir::Form::Bitset;
      auto policy = random_.policy(many ? 200 : 4, kPredicates);
      for (std::uint32_t i = 0; i < kPredicates; ++i) {
        policy.predicates[i] = ir::testing::label("k" + std::to_string(i), "yes");
      }
      if (form == ir::Form::Bitset) ir::prefer_form(policy, form);
      const ir::Shape shape = ir::make_shape(policy);
      if (shape.directions[0].form == form || shape.directions[1].form == form) return policy;
    }
  }

  std::vector<policy::LabelSet> peers() {
    std::vector<policy::LabelSet> result;
    for (std::uint32_t i = 0; i < kClasses; ++i) {
      policy::LabelSet labels;
      for (std::uint32_t predicate = 0; predicate < kPredicates; ++predicate) {
        if (random_.below(3) == 0) labels.add({"k8s", "k" + std::to_string(predicate), "yes"});
      }
      result.push_back(std::move(labels));
    }
    return result;
  }

  // A packet of every kind that asks the policy; ports near those of the rules as often as not.
  Question question(const ir::Shape& shape) {
    Question q;
    q.direction = random_.below(2);
    q.peer_class = random_.below(kClasses + 2);
    q.v6 = random_.below(2) == 0;
    static constexpr std::uint8_t kProtocols[] = {6, 6, 17, 132, 1};
    q.protocol = kProtocols[random_.below(std::size(kProtocols))];
    q.port = random_.port();
    const auto& rules = shape.directions[q.direction].rules;
    if (!rules.empty() && random_.below(2) == 0) {
      const auto& rule = rules[random_.below(static_cast<std::uint32_t>(rules.size()))];
      const auto& range = rule.ports[random_.below(static_cast<std::uint32_t>(rule.ports.size()))];
      const std::uint32_t base = random_.below(2) == 0 ? range.first : range.last;
      q.port = static_cast<std::uint16_t>(base + random_.below(3) - 1);
      if (std::find(std::begin(kProtocols), std::end(kProtocols), range.protocol) !=
          std::end(kProtocols)) {
        q.protocol = range.protocol;
      }
    }
    if (q.protocol == 1) {
      // Requests, replies and queries: errors and neighbour discovery have ways of their own.
      static constexpr std::uint16_t kTypes4[] = {0, 8, 13};
      static constexpr std::uint16_t kTypes6[] = {128, 129, 130};
      q.protocol = q.v6 ? std::uint8_t{58} : std::uint8_t{1};
      q.port = q.v6 ? kTypes6[random_.below(3)] : kTypes4[random_.below(3)];
    }
    return q;
  }

 private:
  ir::testing::RandomPolicy random_;
};

class KernelAgreement : public ::testing::TestWithParam<ir::Form> {};

TEST_P(KernelAgreement, OnEveryDecision) {
  constexpr std::uint32_t kShapes = 12;
  std::uint32_t most_verified = 0;
  std::size_t packets = 0;
  std::map<std::uint32_t, std::size_t> verdicts;
  for (std::uint32_t seed = 0; seed < kShapes; ++seed) {
    RandomWorld world(1000 * static_cast<std::uint32_t>(GetParam()) + seed);
    LoadedShape loaded(world.policy(GetParam()), world.peers());
    for (const char* program : {"policy_ingress", "policy_egress"}) {
      most_verified = std::max(most_verified, loaded.verified_instructions(program));
    }
    for (int i = 0; i < kPacketsPerShape; ++i) {
      const Question q = world.question(loaded.shape());
      const std::uint32_t expected = loaded.expected(q);
      ASSERT_EQ(loaded.decided(q), expected)
          << "seed " << seed << " " << ir::direction_name(q.direction) << " class " << q.peer_class
          << " protocol " << int{q.protocol} << " port " << q.port << (q.v6 ? " v6" : " v4") << "\n"
          << ir::to_json(loaded.shape());
      ++verdicts[expected & 0xff];
      ++packets;
    }
  }
  std::cout << ir::form_name(GetParam()) << ": " << packets << " packets, " << kShapes
            << " shapes, at most " << most_verified << " instructions verified; verdicts";
  for (const auto& [verdict, count] : verdicts) std::cout << " " << verdict << ":" << count;
  std::cout << "\n";
  EXPECT_LT(most_verified, kMaxVerified);
  if (GetParam() == ir::Form::Table) {
    EXPECT_TRUE(verdicts.contains(POLICY_DEFAULT_DENY | POLICYC_DECISION_AUDITED));
  }
  EXPECT_GE(verdicts.size(), GetParam() == ir::Form::Constant ? 2U : 5U)
      << "the random shapes leave verdicts out";
}

INSTANTIATE_TEST_SUITE_P(Forms, KernelAgreement,
                         ::testing::Values(ir::Form::Constant, ir::Form::Compares, ir::Form::Table,
                                           ir::Form::Bitset),
                         [](const auto& parameter) {
                           return std::string(ir::form_name(parameter.param));
                         });

// A class that the maps do not reach is denied by every form that looks at the peer.
TEST(KernelAgreementEdges, ClassesBeyondTheRowsAreDenied) {
  ir::EndpointPolicy policy;
  policy.subject = "edges";
  policy.directions[0].enforced = true;
  ir::Rule rule;
  rule.id = 1;
  rule.any_peer = true;
  rule.ports = {{6, 80, 80}};
  policy.directions[0].rules = {rule};
  LoadedShape loaded(policy, {policy::LabelSet{}});
  ASSERT_EQ(loaded.shape().directions[0].form, ir::Form::Compares);
  EXPECT_EQ(loaded.decided({0, 1, 6, 80, false}),
            static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 1)));
  EXPECT_EQ(loaded.decided({0, 2, 6, 80, false}), std::uint32_t{POLICY_DEFAULT_DENY});
  EXPECT_EQ(loaded.decided({0, 0, 6, 80, true}), std::uint32_t{POLICY_DEFAULT_DENY});
}

}  // namespace
}  // namespace policyc
