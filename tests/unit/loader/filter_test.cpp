// loader/observe: which flows a filter shows.

#include "loader/observe/filter.h"

#include <gmock/gmock.h>

#include "loader/observe/label_query.h"
#include "tests/unit/loader/observe_world.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

const observe::FilterFlag& flag_of(const std::string& name) {
  for (const observe::FilterFlag& flag : observe::filter_flags()) {
    if (flag.name.substr(0, flag.name.find(',')) == name) return flag;
  }
  throw std::runtime_error("no flag " + name);
}

// {"verdict", "DROPPED"}; a name with "!" before it is negated.
using Flags = std::vector<std::pair<std::string, std::string>>;

class FilterTest : public ::testing::Test {
 protected:
  // "allowed denied reply ..." of what is shown.
  [[nodiscard]] std::string shown(const Flags& flags) {
    observe::Filter filter;
    for (const auto& [name, value] : flags) {
      const bool negated = name.starts_with('!');
      must(filter.add(flag_of(negated ? name.substr(1) : name), value, negated));
    }
    std::string text;
    const std::pair<const char*, event> events[] = {
        {"allowed", node_.allowed()},       {"denied", node_.denied()},   {"reply", node_.reply()},
        {"unselected", node_.unselected()}, {"audited", node_.audited()}, {"query", node_.query()},
        {"truncated", node_.truncated()}};
    for (const auto& [name, raw] : events) {
      if (!filter.matches(maker_.make(decoded(raw), 0))) continue;
      text += text.empty() ? "" : " ";
      text += name;
    }
    return text;
  }
  [[nodiscard]] static std::string refusal(const std::string& name, const std::string& value) {
    observe::Filter filter;
    const auto added = filter.add(flag_of(name), value, false);
    return added ? "" : added.error().message;
  }

  ObservedNode node_;
  observe::FlowMaker maker_{node_.paths(), "node-a"};
};

TEST_F(FilterTest, WithoutFlagsAllIsShown) {
  EXPECT_EQ(shown({}), "allowed denied reply unselected audited query truncated");
}

TEST_F(FilterTest, ValuesOfAFlagAreAlternatives) {
  EXPECT_EQ(shown({{"verdict", "DROPPED"}}), "denied unselected truncated");
  EXPECT_EQ(shown({{"verdict", "dropped"}, {"verdict", "AUDIT"}}),
            "denied unselected audited truncated");
}

TEST_F(FilterTest, DifferentFlagsMustAllHold) {
  EXPECT_EQ(shown({{"verdict", "DROPPED"}, {"protocol", "udp"}}), "unselected");
  EXPECT_EQ(shown({{"verdict", "FORWARDED"}, {"type", "trace"}}), "reply");
}

TEST_F(FilterTest, FlagsForEitherSideHoldForTheSameSide) {
  EXPECT_EQ(shown({{"namespace", "lab"}}), "denied audited");
  EXPECT_EQ(shown({{"namespace", "lab"}, {"label", "app=probe"}}), "denied audited");
  // The probe is not in shop, and what is in shop is no probe.
  EXPECT_EQ(shown({{"namespace", "shop"}, {"label", "app=probe"}}), "");
  EXPECT_EQ(shown({{"namespace", "lab"}, {"to-namespace", "shop"}}), "denied audited");
}

TEST_F(FilterTest, SidesAreToldApart) {
  EXPECT_EQ(shown({{"from-pod", "shop/client"}}), "allowed");
  EXPECT_EQ(shown({{"to-pod", "shop/client"}}), "reply");
  EXPECT_EQ(shown({{"pod", "shop/client"}}), "allowed reply");
  EXPECT_EQ(shown({{"from-port", "80"}}), "reply");
  EXPECT_EQ(shown({{"to-port", "80"}}), "allowed denied unselected");
  EXPECT_EQ(shown({{"from-ip", "10.8.0.0/16"}}), "denied audited");
  EXPECT_EQ(shown({{"to-ip", "203.0.113.5"}}), "query");
  EXPECT_EQ(shown({{"ip", "2001:db8::/32"}}), "unselected");
  EXPECT_EQ(shown({{"from-identity", "259"}}), "denied audited");
  EXPECT_EQ(shown({{"to-identity", "16777217"}}), "query");
  EXPECT_EQ(shown({{"identity", "world-ipv6"}}), "unselected");
  EXPECT_EQ(shown({{"from-label", "app=web"}}), "reply query truncated");
  EXPECT_EQ(shown({{"to-label", "reserved:world"}}), "query");
  EXPECT_EQ(shown({{"from-namespace", "shop"}}), "allowed reply query truncated");
}

TEST_F(FilterTest, PodsAreNamedByPrefix) {
  EXPECT_EQ(shown({{"pod", "lab/pro"}}), "denied audited");
  EXPECT_EQ(shown({{"pod", "lab/"}}), "denied audited");
  EXPECT_EQ(shown({{"pod", "/probe"}}), "denied audited");
  EXPECT_EQ(shown({{"pod", "shop/probe"}}), "");
  // A bare name is of the namespace "default", or of those asked for.
  EXPECT_EQ(shown({{"pod", "probe"}}), "");
  EXPECT_EQ(shown({{"pod", "probe"}, {"namespace", "lab"}}), "denied audited");
  EXPECT_EQ(shown({{"pod", "probe"}, {"namespace", "shop"}}), "");
}

TEST_F(FilterTest, PacketsAreAskedToo) {
  EXPECT_EQ(shown({{"protocol", "ICMP"}}), "audited");
  EXPECT_EQ(shown({{"protocol", "icmpv4"}}), "audited");
  EXPECT_EQ(shown({{"protocol", "icmpv6"}}), "");
  EXPECT_EQ(shown({{"protocol", "tcp"}}), "allowed denied reply");
  EXPECT_EQ(shown({{"tcp-flags", "SYN"}}), "allowed denied reply");
  EXPECT_EQ(shown({{"tcp-flags", "syn,Ack"}}), "reply");
  EXPECT_EQ(shown({{"tcp-flags", "fin"}, {"tcp-flags", "ack"}}), "reply");
  EXPECT_EQ(shown({{"tcp-flags", "fin"}}), "");
  EXPECT_EQ(shown({{"reply", "true"}}), "reply");
  EXPECT_EQ(shown({{"!reply", "true"}}), "allowed denied unselected audited query truncated");
  EXPECT_EQ(shown({{"ipv6", "v6"}}), "unselected");
  EXPECT_EQ(shown({{"ip-version", "v4"}}), "allowed denied reply audited query");
  EXPECT_EQ(shown({{"traffic-direction", "egress"}}), "query truncated");
  EXPECT_EQ(shown({{"type", "drop"}}), "denied unselected truncated");
  EXPECT_EQ(shown({{"type", "drop:181"}}), "denied");
  EXPECT_EQ(shown({{"type", "policy-verdict"}}), "allowed audited query");
  EXPECT_EQ(shown({{"type", "trace:from-endpoint"}}), "reply");
  EXPECT_EQ(shown({{"type", "trace:to-endpoint"}}), "");
  EXPECT_EQ(shown({{"drop-reason-desc", "policy_denied"}}), "unselected");
  EXPECT_EQ(
      shown({{"drop-reason-desc", "POLICY_DENY"}, {"drop-reason-desc", "INVALID_PACKET_DROPPED"}}),
      "denied truncated");
  // No port of ICMP is the type that its events carry there.
  EXPECT_EQ(shown({{"port", "8"}}), "");
  EXPECT_EQ(shown({{"port", "0"}}), "");
}

TEST_F(FilterTest, NegatedFlagsHideWhatTheyAllMatch) {
  EXPECT_EQ(shown({{"!verdict", "DROPPED"}}), "allowed reply audited query");
  EXPECT_EQ(shown({{"!verdict", "DROPPED"}, {"!protocol", "udp"}}),
            "allowed denied reply audited query truncated");
  EXPECT_EQ(shown({{"verdict", "DROPPED"}, {"!protocol", "udp"}}), "denied truncated");
}

TEST_F(FilterTest, BadValuesNameTheFlagAndWhatItTakes) {
  const std::pair<const char*, std::vector<const char*>> bad[] = {
      {"namespace", {"", "a/b"}},
      {"pod", {"", "/", "a/b/c"}},
      {"label", {"", "a=b,", "=b", "a in b", "a in (b", "a near (b)", "!", "a b", ":x"}},
      {"ip", {"", "10.0.0", "10.0.0.0/33", "fd00::/x", "web"}},
      {"port", {"", "65536", "-1", "http", "80 "}},
      {"identity", {"", "moon", "4294967296", "1.5"}},
      {"protocol", {"", "http", "6"}},
      {"verdict", {"", "ALLOWED"}},
      {"type", {"", "l7", "drop:", "trace:to-stack", "drop:x"}},
      {"traffic-direction", {"", "in"}},
      {"drop-reason-desc", {"", "181", "NO_REASON"}},
      {"tcp-flags", {"", "SYN ", "SYN,", ",", "NOP", "SYN;ACK"}},
      {"ip-version", {"", "4"}}};
  for (const auto& [name, values] : bad) {
    for (const char* value : values)
      EXPECT_THAT(refusal(name, value), HasSubstr("--" + std::string(name) + ": ")) << value;
  }
  EXPECT_EQ(refusal("port", "http"), "--port: `http` is not a port, 0 to 65535");
  EXPECT_THAT(refusal("drop-reason-desc", "x"), HasSubstr("POLICY_DENIED, POLICY_DENY, "));
}

TEST_F(FilterTest, ABadValueLeavesTheFilterAsItWas) {
  observe::Filter filter;
  must(filter.add(flag_of("port"), "80", false));
  EXPECT_FALSE(filter.add(flag_of("port"), "http", false));
  EXPECT_FALSE(filter.add(flag_of("port"), "http", true));
  EXPECT_TRUE(filter.matches(maker_.make(decoded(node_.allowed()), 0)));
  EXPECT_FALSE(filter.matches(maker_.make(decoded(node_.query()), 0)));
}

TEST(LabelQueryTest, SelectorsAreThoseOfKubernetes) {
  const auto labels = pod_labels("shop", "web");
  const auto holds = [&](const char* text) {
    return must(observe::parse_label_query(text)).matches(labels);
  };
  for (const char* text :
       {"app", "app=web", "app==web", "app = web", "k8s:app=web", "any:app=web", "app in (db, web)",
        "app in(web)", "app!=db", "app notin (db)", "!tier", "tier!=a", "tier notin (a)",
        "app=web,!tier", "k8s:io.kubernetes.pod.namespace=shop, app in (web,db),tier!=b"})
    EXPECT_TRUE(holds(text)) << text;
  for (const char* text : {"tier", "app=", "app=db", "reserved:app=web", "app in (db)", "app!=web",
                           "app notin (db, web)", "!app", "app=web,tier", "App=web"})
    EXPECT_FALSE(holds(text)) << text;
}

}  // namespace
}  // namespace policyc::testing
