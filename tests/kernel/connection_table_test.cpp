// Every row of the table of connection states in docs/datapath.md, at both hooks and in both
// families, by what passes: after so many seconds replies still pass, a little later they do not.
#include <gtest/gtest.h>

#include "tests/kernel/two_policies.h"

namespace policyc::kernel_test {
namespace {

enum class From : std::uint8_t { Beginner, Other };

struct Step {
  From from = From::Beginner;
  std::uint8_t tcp_flags = 0;
  std::uint64_t wait = 0;  // seconds before
};
constexpr From kBeginner = From::Beginner;
constexpr From kOther = From::Other;

struct Row {
  const char* name;
  std::vector<Step> steps;
  std::uint64_t lifetime = 0;  // seconds after the last step
};

// Time that playing a row may take without changing what comes of it.
constexpr std::uint64_t kSlack = 3;

class ConnectionTable : public TwoPolicies, public testing::WithParamInterface<Way> {
 protected:
  // Packets of one connection of the protocol that `request` and `reply` belong to.
  struct Talk {
    std::function<Layer(From, std::uint8_t tcp_flags)> transport;
    std::uint8_t probe_flags = kAck;
  };

  static Bytes packet_of(const Talk& talk, From from, std::uint8_t tcp_flags) {
    const Way way = from == kBeginner ? GetParam() : back(GetParam());
    return packet(way, talk.transport(from, tcp_flags));
  }
  static Hook hook_of(From from) {
    return from == kBeginner ? GetParam().hook : opposite(GetParam().hook);
  }
  static void play(const Talk& talk, const std::vector<Step>& steps) {
    reset();
    for (const Step& step : steps) {
      if (step.wait != 0) age_connections(*datapath_, step.wait);
      expect_pass(*datapath_, hook_of(step.from), packet_of(talk, step.from, step.tcp_flags));
    }
    EXPECT_EQ(datapath_->connections(), 1U);
    deny();  // from here on only what is known passes
  }
  static void check(const Talk& talk, const Row& row) {
    SCOPED_TRACE(row.name);
    const Bytes probe = packet_of(talk, kOther, talk.probe_flags);
    play(talk, row.steps);
    age_connections(*datapath_, row.lifetime - kSlack);
    expect_pass(*datapath_, hook_of(kOther), probe, "shortly before");
    play(talk, row.steps);
    age_connections(*datapath_, row.lifetime + kSlack);
    expect_drop(*datapath_, hook_of(kOther), probe, DROP_POLICY_DEFAULT_DENY, "shortly after");
  }

  static Talk tcp_talk() {
    return {.transport = [](From from, std::uint8_t flags) -> Layer {
      if (from == kBeginner) return Tcp{.flags = flags};
      return Tcp{.source_port = 80, .destination_port = 40000, .flags = flags};
    }};
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, ConnectionTable, every_way(), way_name);

TEST_P(ConnectionTable, TcpWithoutReply) {
  for (const Row& row : std::initializer_list<Row>{
           {"a SYN", {{kBeginner, kSyn}}, 60},
           {"more of them", {{kBeginner, kSyn}, {kBeginner, kSyn, 50}}, 60},
           {"data nobody answers", {{kBeginner, kSyn}, {kBeginner, kPsh | kAck, 40}}, 60},
           {"begun in the middle", {{kBeginner, kAck}}, 60},
           {"begun with the answer", {{kBeginner, kSyn | kAck}}, 60},
           {"without a flag", {{kBeginner, 0}}, 60},
           {"begun at its end", {{kBeginner, kFin | kAck}}, 60},
           {"ended by its beginner alone", {{kBeginner, kSyn}, {kBeginner, kFin | kAck}}, 60},
       })
    check(tcp_talk(), row);
}

TEST_P(ConnectionTable, TcpEstablished) {
  for (const Row& row : std::initializer_list<Row>{
           {"the handshake", {{kBeginner, kSyn}, {kOther, kSyn | kAck}, {kBeginner, kAck}}, 8000},
           {"a reply is enough", {{kBeginner, kSyn}, {kOther, kSyn | kAck}}, 8000},
           {"from the middle", {{kBeginner, kAck}, {kOther, kAck}}, 8000},
           {"a reply just in time", {{kBeginner, kSyn}, {kOther, kSyn | kAck, 55}}, 8000},
           {"the beginner prolongs",
            {{kBeginner, kSyn}, {kOther, kAck}, {kBeginner, kAck, 7000}},
            8000},
           {"the other prolongs", {{kBeginner, kSyn}, {kOther, kAck}, {kOther, kAck, 7000}}, 8000},
           {"half closed by the beginner",
            {{kBeginner, kSyn}, {kOther, kAck}, {kBeginner, kFin | kAck}},
            8000},
           {"half closed by the other",
            {{kBeginner, kSyn}, {kOther, kAck}, {kOther, kFin | kAck}},
            8000},
           {"the same FIN twice",
            {{kBeginner, kSyn}, {kOther, kAck}, {kOther, kFin | kAck}, {kOther, kFin | kAck}},
            8000},
           {"a SYN within", {{kBeginner, kSyn}, {kOther, kAck}, {kBeginner, kSyn}}, 8000},
       })
    check(tcp_talk(), row);
}

TEST_P(ConnectionTable, TcpClosed) {
  const auto established = [](std::initializer_list<Step> then) {
    std::vector<Step> steps{{kBeginner, kSyn}, {kOther, kSyn | kAck}, {kBeginner, kAck}};
    steps.insert(steps.end(), then);
    return steps;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"FIN and FIN", established({{kBeginner, kFin | kAck}, {kOther, kFin | kAck}}), 10},
           {"the other way round", established({{kOther, kFin | kAck}, {kBeginner, kFin | kAck}}),
            10},
           {"an hour between", established({{kOther, kFin}, {kBeginner, kFin, 3600}}), 10},
           {"reset by the beginner", established({{kBeginner, kRst}}), 10},
           {"reset by the other", established({{kOther, kRst | kAck}}), 10},
           {"reset half closed", established({{kOther, kFin}, {kBeginner, kRst}}), 10},
           {"refused", {{kBeginner, kSyn}, {kOther, kRst | kAck}}, 10},
           {"given up", {{kBeginner, kSyn}, {kBeginner, kRst}}, 10},
           {"not prolonged by the beginner", established({{kOther, kRst}, {kBeginner, kAck, 4}}),
            6},
           {"not prolonged by the other", established({{kBeginner, kRst}, {kOther, kAck, 4}}), 6},
           {"not prolonged by another end",
            established({{kBeginner, kRst}, {kOther, kRst, 2}, {kOther, kFin, 2}}), 6},
           {"not reopened by an answer",
            established({{kBeginner, kRst}, {kBeginner, kSyn | kAck, 4}}), 6},
           {"nor by a SYN that resets",
            established({{kBeginner, kRst}, {kBeginner, kSyn | kRst, 4}}), 6},
       })
    check(tcp_talk(), row);
}

TEST_P(ConnectionTable, TcpReopened) {
  const std::vector<std::vector<Step>> closed{
      {{kBeginner, kSyn}, {kOther, kAck}, {kBeginner, kFin}},
      {{kBeginner, kSyn}, {kOther, kAck}, {kOther, kFin}},
      {{kBeginner, kSyn}, {kOther, kAck}, {kOther, kFin}, {kBeginner, kFin}},
      {{kBeginner, kSyn}, {kOther, kRst}},
      {{kBeginner, kSyn}, {kBeginner, kRst}},
      {{kBeginner, kFin}},
  };
  for (std::vector<Step> steps : closed) {
    for (const From again : {kBeginner, kOther}) {
      play(tcp_talk(), steps);
      expect_drop(*datapath_, hook_of(again), packet_of(tcp_talk(), again, kSyn),
                  DROP_POLICY_DEFAULT_DENY, "a SYN asks");
      expect_pass(*datapath_, hook_of(kOther), packet_of(tcp_talk(), kOther, kAck),
                  "the old connection is still there");
    }
    steps.push_back({kBeginner, kSyn});
    check(tcp_talk(), {"begun anew", steps, 60});
  }
  // By the other side: it is the beginner now.
  play(tcp_talk(), closed[2]);
  allow();
  expect_pass(*datapath_, hook_of(kOther), packet_of(tcp_talk(), kOther, kSyn));
  EXPECT_EQ(datapath_->connections(), 1U);
  deny();
  datapath_->set_config(NODE_EXTENDED_PROTOCOLS, 2);
  expect_pass(*datapath_, hook_of(kBeginner), packet_of(tcp_talk(), kBeginner, kSyn | kAck),
              "a reply does not ask");
  expect_drop(*datapath_, hook_of(kOther), packet_of(tcp_talk(), kOther, kAck),
              DROP_POLICY_DEFAULT_DENY, "the new beginner does");
}

TEST_P(ConnectionTable, AllOthers) {
  const bool v4 = GetParam().family == 4;
  const std::map<std::string, std::function<Layer(From, std::uint8_t)>> protocols{
      {"udp",
       [](From from, std::uint8_t) -> Layer {
         return from == kBeginner ? Udp{40000, 53} : Udp{53, 40000};
       }},
      {"sctp",
       [](From from, std::uint8_t) -> Layer {
         return from == kBeginner ? Sctp{40000, 3868} : Sctp{3868, 40000};
       }},
      {"echo",
       [v4](From from, std::uint8_t) -> Layer {
         const int type = from == kBeginner ? (v4 ? 8 : 128) : (v4 ? 0 : 129);
         return Icmp{.type = static_cast<std::uint8_t>(type)};
       }},
      {"vrrp", [](From, std::uint8_t) -> Layer { return Payload{.size = 8, .protocol = 112}; }},
  };
  for (const auto& [name, transport] : protocols) {
    SCOPED_TRACE(name);
    for (const Row& row : std::initializer_list<Row>{
             {"a request", {{kBeginner}}, 60},
             {"an answered one", {{kBeginner}, {kOther}}, 60},
             {"requests prolong", {{kBeginner}, {kBeginner, 0, 50}}, 60},
             {"answers prolong", {{kBeginner}, {kOther, 0, 50}}, 60},
             {"long ago", {{kBeginner}, {kOther, 0, 50}, {kBeginner, 0, 50}, {kOther, 0, 50}}, 60},
         })
      check({.transport = transport}, row);
  }
}

}  // namespace
}  // namespace policyc::kernel_test
