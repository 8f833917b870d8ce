// ICMP errors that belong to connections, and neighbour discovery.
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr const char* kRouter4 = "192.0.2.1";
constexpr const char* kRouter6 = "2001:db8::1";

std::vector<std::uint8_t> error_types(int family) {
  return family == 4 ? std::vector<std::uint8_t>{3, 11, 12} : std::vector<std::uint8_t>{1, 2, 3, 4};
}

class RelatedIcmp : public EachWay {
 protected:
  void SetUp() override {
    datapath_ = Datapath::ready(Policy::Matrix);
    expect_pass(*datapath_, hook(), tcp(GetParam(), kSyn));
  }
  [[nodiscard]] Hook hook() const { return GetParam().hook; }

  // An error about `quoted`, which the hook before let through; comes back at the other hook.
  [[nodiscard]] static Bytes error(std::uint8_t type, const std::vector<Layer>& quoted,
                                   bool from_router = false) {
    Layer outer = ip(back(GetParam()));
    if (from_router && GetParam().hook == Hook::FromEndpoint) {
      if (auto* v4 = std::get_if<Ipv4>(&outer)) v4->source = kRouter4;
      if (auto* v6 = std::get_if<Ipv6>(&outer)) v6->source = kRouter6;
    }
    std::vector<Layer> layers{Eth{}, outer, Icmp{.type = type}};
    layers.insert(layers.end(), quoted.begin(), quoted.end());
    return build(layers);
  }

  std::unique_ptr<Datapath> datapath_;
};
INSTANTIATE_TEST_SUITE_P(Ways, RelatedIcmp, every_way(), way_name);

TEST_P(RelatedIcmp, ErrorsOfAConnectionPass) {
  for (const std::uint8_t type : error_types(GetParam().family)) {
    expect_pass(*datapath_, opposite(hook()), error(type, {ip(GetParam()), Tcp{}}),
                std::to_string(type));
    expect_pass(*datapath_, opposite(hook()), error(type, {ip(GetParam()), Tcp{}}, true),
                "from a router");
  }
  EXPECT_EQ(datapath_->connections(), 1U);
}

TEST_P(RelatedIcmp, EightQuotedBytesAreEnough) {
  Bytes bytes = error(error_types(GetParam().family)[0], {ip(GetParam()), Tcp{}});
  bytes.resize(bytes.size() - 12);
  if (GetParam().family == 4) bytes[14 + 3] = static_cast<std::uint8_t>(bytes[14 + 3] - 12);
  if (GetParam().family == 6) bytes[14 + 5] = static_cast<std::uint8_t>(bytes[14 + 5] - 12);
  expect_pass(*datapath_, opposite(hook()), bytes);
}

TEST_P(RelatedIcmp, ErrorsOfNoConnectionAskThePolicy) {
  const std::uint8_t type = error_types(GetParam().family).back();
  const auto refused = [&](const std::vector<Layer>& quoted, const char* what) {
    expect_drop(*datapath_, opposite(hook()), error(type, quoted), DROP_POLICY_DEFAULT_DENY, what);
  };
  refused({ip(GetParam()), Tcp{.source_port = 40001}}, "another port");
  refused({ip(GetParam()), Udp{.source_port = 40000, .destination_port = 80}}, "another protocol");
  refused({ip(back(GetParam())), Tcp{.source_port = 80, .destination_port = 40000}},
          "quoted the wrong way round");
  refused({ip(GetParam())}, "quotes no transport header");
  refused({}, "quotes nothing");
  refused({Payload{.size = 64}}, "quotes garbage");
}

TEST_P(RelatedIcmp, ErrorsAboutRepliesPassTheOtherWay) {
  const std::uint8_t type = error_types(GetParam().family)[0];
  const Bytes bytes = build({Eth{}, ip(GetParam()), Icmp{.type = type}, ip(back(GetParam())),
                             Tcp{80, 40000, kSyn | kAck}});
  expect_pass(*datapath_, hook(), bytes);
}

TEST_P(RelatedIcmp, ErrorsDoNotOutliveTheConnection) {
  datapath_->edit_connection(GetParam().family, [](ct_value& value) { value.expires = 1; });
  expect_drop(*datapath_, opposite(hook()),
              error(error_types(GetParam().family).back(), {ip(GetParam()), Tcp{}}),
              DROP_POLICY_DEFAULT_DENY);
}

TEST_P(RelatedIcmp, ErrorsOfAConnectionThatPolicyCutAskThePolicy) {
  datapath_->set_peer(kRemote4, kDeniedClass);
  datapath_->set_peer(kRemote6, kDeniedClass);
  datapath_->set_config(0, 2);
  const Bytes bytes = error(error_types(GetParam().family).back(), {ip(GetParam()), Tcp{}});
  expect_pass(*datapath_, opposite(hook()), bytes, "nobody has asked yet");
  expect_drop(*datapath_, hook(), tcp(GetParam(), kAck), DROP_POLICY_DENY);
  expect_drop(*datapath_, opposite(hook()), bytes, DROP_POLICY_DENY);
}

TEST_P(RelatedIcmp, ErrorsAboutAnEchoRequestPass) {
  const Icmp request{.type = static_cast<std::uint8_t>(GetParam().family == 4 ? 8 : 128)};
  const std::uint8_t type = error_types(GetParam().family)[0];
  expect_drop(*datapath_, opposite(hook()), error(type, {ip(GetParam()), request}),
              DROP_POLICY_DEFAULT_DENY, "not yet sent");
  expect_pass(*datapath_, hook(), packet(GetParam(), request));
  expect_pass(*datapath_, opposite(hook()), error(type, {ip(GetParam()), request}));
}

TEST_P(RelatedIcmp, AnErrorAboutAnErrorIsNotRelated) {
  const std::uint8_t type = error_types(GetParam().family)[0];
  expect_drop(*datapath_, opposite(hook()),
              error(type, {ip(GetParam()), Icmp{.type = type}, ip(GetParam()), Tcp{}}),
              DROP_POLICY_DEFAULT_DENY);
}

// An error may quote a packet behind extension headers; a later fragment has no ports to compare.
TEST_P(RelatedIcmp, QuotedExtensionHeaders) {
  if (GetParam().family == 4) {
    Ipv4 with_options = std::get<Ipv4>(ip(GetParam()));
    with_options.options = Bytes(8, 1);
    expect_pass(*datapath_, opposite(hook()), error(11, {with_options, Tcp{}}));
    Ipv4 later = std::get<Ipv4>(ip(GetParam()));
    later.fragment_offset = 64;
    expect_drop(*datapath_, opposite(hook()), error(11, {later, Tcp{}}), DROP_POLICY_DEFAULT_DENY);
    return;
  }
  expect_pass(*datapath_, opposite(hook()),
              error(3, {ip(GetParam()), Extension{}, Extension{.extra = 2}, Tcp{}}));
  expect_drop(*datapath_, opposite(hook()),
              error(3, {ip(GetParam()), Fragment6{.offset = 64}, Tcp{}}), DROP_POLICY_DEFAULT_DENY);
}

TEST(FragNeeded, AlwaysPassesInIpv4Only) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  for (const Hook hook : {Hook::FromEndpoint, Hook::ToEndpoint}) {
    expect_pass(*datapath, hook, packet({hook, 4}, Icmp{.type = 3, .code = 4}));
    expect_drop(*datapath, hook, packet({hook, 4}, Icmp{.type = 3, .code = 3}),
                DROP_POLICY_DEFAULT_DENY);
    expect_drop(*datapath, hook, packet({hook, 6}, Icmp{.type = 2}), DROP_POLICY_DEFAULT_DENY,
                "packet too big");
  }
}

TEST(FragNeeded, NotFromSomebodyElsesAddress) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  expect_drop(
      *datapath, Hook::FromEndpoint,
      build({Eth{}, Ipv4{.source = kRouter4, .destination = kRemote4}, Icmp{.type = 3, .code = 4}}),
      DROP_INVALID_SOURCE_ADDRESS);
}

Bytes neighbour(Hook hook, std::uint8_t type, const char* source, std::uint8_t hop_limit = 255,
                std::uint8_t code = 0, std::size_t size = 32) {
  const char* destination = hook == Hook::FromEndpoint ? "ff02::1" : kLocal6;
  return build({Eth{}, Ipv6{.source = source, .destination = destination, .hop_limit = hop_limit},
                Icmp{.type = type, .code = code}, Payload{.size = size}});
}

TEST(NeighbourDiscovery, PassesWithoutPolicy) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{133, 135, 136}) {
    for (const char* source : {kLocal6, "fe80::1", "::"}) {
      expect_pass(*datapath, Hook::FromEndpoint, neighbour(Hook::FromEndpoint, type, source),
                  source);
    }
  }
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{133, 134, 135, 136, 137}) {
    expect_pass(*datapath, Hook::ToEndpoint, neighbour(Hook::ToEndpoint, type, "fe80::2"));
  }
  EXPECT_EQ(datapath->connections(), 0U);
}

TEST(NeighbourDiscovery, EndpointsAreNotRouters) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{134, 137}) {
    expect_drop(*datapath, Hook::FromEndpoint, neighbour(Hook::FromEndpoint, type, "fe80::1"),
                DROP_POLICY_DEFAULT_DENY);
  }
}

TEST(NeighbourDiscovery, ForgedOnesAreDropped) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  for (const Hook hook : {Hook::FromEndpoint, Hook::ToEndpoint}) {
    expect_drop(*datapath, hook, neighbour(hook, 135, "fe80::1", 254), DROP_MALFORMED,
                "came through a router");
    expect_drop(*datapath, hook, neighbour(hook, 135, "fe80::1", 255, 0, 15), DROP_TRUNCATED,
                "too short");
    expect_drop(*datapath, hook, neighbour(hook, 136, "fe80::1", 255, 1), DROP_MALFORMED, "code");
  }
  expect_drop(*datapath, Hook::FromEndpoint, neighbour(Hook::FromEndpoint, 135, kRemote6),
              DROP_INVALID_SOURCE_ADDRESS);
}

}  // namespace
}  // namespace policyc::kernel_test
