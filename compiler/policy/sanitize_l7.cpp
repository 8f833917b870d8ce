// Layer 7 rules: P8 to P11 and H-rows of spec section 3.1.

#include <algorithm>
#include <array>
#include <charconv>

#include <re2/re2.h>

#include "compiler/policy/sanitize.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::int64_t kRegexMemory = 64 << 20;
constexpr std::size_t kMaxTopic = 255;
constexpr std::array<std::string_view, 4> kMismatches{"LOG", "ADD", "DELETE", "REPLACE"};
constexpr std::array<std::string_view, 34> kKafkaKeys{"produce",
                                                      "fetch",
                                                      "offsets",
                                                      "metadata",
                                                      "leaderandisr",
                                                      "stopreplica",
                                                      "updatemetadata",
                                                      "controlledshutdown",
                                                      "offsetcommit",
                                                      "offsetfetch",
                                                      "findcoordinator",
                                                      "joingroup",
                                                      "heartbeat",
                                                      "leavegroup",
                                                      "syncgroup",
                                                      "describegroups",
                                                      "listgroups",
                                                      "saslhandshake",
                                                      "apiversions",
                                                      "createtopics",
                                                      "deletetopics",
                                                      "deleterecords",
                                                      "initproducerid",
                                                      "offsetforleaderepoch",
                                                      "addpartitionstotxn",
                                                      "addoffsetstotxn",
                                                      "endtxn",
                                                      "writetxnmarkers",
                                                      "txnoffsetcommit",
                                                      "describeacls",
                                                      "createacls",
                                                      "deleteacls",
                                                      "describeconfigs",
                                                      "alterconfigs"};

// Go's spelling `(?<name>...)` of a named group, in the one that every RE2 knows.
std::string with_portable_groups(std::string_view pattern) {
  std::string result;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    result += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      result += pattern[++i];
    } else if (pattern[i] == '[') {
      in_class = true;
    } else if (pattern[i] == ']') {
      in_class = false;
    } else if (!in_class && pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() &&
               pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      result += "?P";
      ++i;
    }
  }
  return result;
}

void sanitize_regex(const LocatedString& text, std::string_view what, Refusals& refusals) {
  if (text.value.empty()) return;
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kRegexMemory);
  const RE2 regex(with_portable_groups(text.value), options);
  if (regex.ok()) return;
  refusals
      .add(Id::InvalidRegex, text.node,
           in_backticks(text.value) + " is not a regular expression for " + in_backticks(what) +
               ": " + regex.error(),
           "regex")
      .help = "the syntax is RE2";
}

void sanitize_http(const HttpRule& rule, Refusals& refusals) {
  sanitize_regex(rule.path, "path", refusals);
  sanitize_regex(rule.method, "method", refusals);
  for (const HeaderMatch& match : rule.header_matches) {
    if (match.name.value.empty()) {
      refusals
          .add(Id::InvalidHeaderMatch, match.name.node, "a header match without a name", "other")
          .help = "add `name`";
    }
    const std::string& mismatch = match.mismatch.value;
    if (!mismatch.empty() && std::ranges::find(kMismatches, mismatch) == kMismatches.end()) {
      refusals
          .add(Id::InvalidHeaderMatch, match.mismatch.node,
               in_backticks(mismatch) + " is not a mismatch action", "other")
          .help = "allowed: `LOG`, `ADD`, `DELETE` and `REPLACE`";
    }
    if (match.has_secret && match.secret_name.value.empty()) {
      refusals
          .add(Id::InvalidHeaderMatch, match.secret_name.node, "a secret without a name", "other")
          .help = "add `name`";
    }
  }
}

bool is_kafka_version(const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int16_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() && value >= 0;
}

bool is_kafka_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\\' ||
         c == '.' || c == '_' || c == '-';
}

void sanitize_kafka(const KafkaRule& rule, Refusals& refusals) {
  if (!rule.role.value.empty() && !rule.api_key.value.empty()) {
    refusals.add(Id::InvalidKafka, rule.api_key.node, "`apiKey` together with `role`", "kafka")
        .help = "a role stands for a set of keys: write two rules";
  }
  if (const std::string key = ascii_lower(rule.api_key.value);
      !key.empty() && std::ranges::find(kKafkaKeys, key) == kKafkaKeys.end()) {
    const std::string word = nearest_word(key, kKafkaKeys);
    refusals
        .add(Id::InvalidKafka, rule.api_key.node,
             in_backticks(rule.api_key.value) + " is not a Kafka API key", "kafka")
        .help = word.empty() ? "expected a name such as `produce` or `fetch`"
                             : "did you mean " + in_backticks(word) + "?";
  }
  if (const std::string role = ascii_lower(rule.role.value);
      !role.empty() && role != "produce" && role != "consume") {
    refusals
        .add(Id::InvalidKafka, rule.role.node,
             in_backticks(rule.role.value) + " is not a Kafka role", "kafka")
        .help = "allowed: `produce` and `consume`";
  }
  if (!rule.api_version.value.empty() && !is_kafka_version(rule.api_version.value)) {
    refusals
        .add(Id::InvalidKafka, rule.api_version.node,
             in_backticks(rule.api_version.value) + " is not a Kafka API version", "kafka")
        .help = "expected 0 to 32767";
  }
  const std::string& topic = rule.topic.value;
  if (topic.size() > kMaxTopic || !std::ranges::all_of(topic, is_kafka_topic_character)) {
    refusals.add(Id::InvalidKafka, rule.topic.node, "the topic is not a Kafka topic name", "kafka")
        .help = "expected at most 255 letters, digits, `.`, `_` and `-`";
  }
}

}  // namespace

void sanitize_l7(const PortRule& rule, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  const L7Rules& rules = *rule.rules;
  for (const HttpRule& http : rules.http.value_or(std::vector<HttpRule>{}))
    sanitize_http(http, refusals);
  for (const KafkaRule& kafka : rules.kafka.value_or(std::vector<KafkaRule>{}))
    sanitize_kafka(kafka, refusals);
  if (rules.dns) {
    if (!rule.ports || rule.ports->empty()) {
      refusals.add(Id::DnsWithoutPort, rules.node, "DNS rules without a port", "dns-port").help =
          "add `ports: [{port: \"53\", protocol: ANY}]`";
    }
    sanitize_fqdns(*rules.dns, true, sanitizer);
  }
  const bool has_proto = !rules.l7proto.value.empty();
  if (rules.l7 && !has_proto) {
    refusals.add(Id::L7WithoutProto, rules.node, "`l7` without `l7proto`", "l7-no-proto").help =
        "name the parser with `l7proto`";
  }
  if (has_proto) {
    for (const GenericL7Rule& generic : rules.l7.value_or(std::vector<GenericL7Rule>{})) {
      for (const L7Pair& pair : generic.pairs) {
        if (pair.key.value.empty())
          refusals.add(Id::EmptyL7Key, pair.key.node, "an empty key in an `l7` rule",
                       "l7-empty-key");
      }
    }
  }
  const int kinds = int{rules.http.has_value()} + int{rules.kafka.has_value()} +
                    int{rules.dns.has_value()} + int{has_proto};
  if (kinds > 1) {
    refusals
        .add(Id::SeveralL7Kinds, rules.node, "layer 7 rules of several protocols in one element",
             "l7-multiple")
        .help = "write one element of `toPorts` for each; an empty list counts";
  }
}

}  // namespace policyc::policy
