#include "tests/kernel/fuzz/sequence.h"

#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace policyc::packet_fuzz {
namespace {

constexpr std::array kPolicies{std::pair{Policy::AllowAll, "allow_all"},
                               std::pair{Policy::DenyAll, "deny_all"},
                               std::pair{Policy::Matrix, "matrix"}};

// With index prefixes4 + 2 * prefixes6.
constexpr std::array kPrefixes{"none", "4", "6", "both"};

constexpr std::array kReasons{
#define POLICYC_DROP_REASON(name, number, text) std::pair{DROP_##name, #name},
#include "runtime/abi/drop_reasons.def"
#undef POLICYC_DROP_REASON
};

std::string hex(const Bytes& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

template <typename Number>
Number number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size())
    fail("not a number: " + std::string(text));
  return value;
}

Bytes bytes(std::string_view text) {
  if (text.size() % 2 != 0) fail("half a byte");
  Bytes result;
  for (std::size_t i = 0; i < text.size(); i += 2)
    result.push_back(number<std::uint8_t>(text.substr(i, 2), 16));
  return result;
}

Policy policy(const std::string& name) {
  for (const auto& [value, text] : kPolicies) {
    if (name == text) return value;
  }
  fail("no policy " + name);
}

std::size_t prefixes(const std::string& name) {
  for (std::size_t i = 0; i < kPrefixes.size(); ++i) {
    if (name == kPrefixes[i]) return i;
  }
  fail("no prefixes " + name);
}

policyc_drop_reason reason(const std::string& name) {
  if (name == "pass") return DROP_NONE;
  for (const auto& [value, text] : kReasons) {
    if (name == text && value != DROP_NONE) return value;
  }
  fail("no drop reason " + name);
}

Settings read_settings(std::istringstream& words) {
  std::map<std::string, std::string> given;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) fail("not name=value: " + word);
    given[word.substr(0, equals)] = word.substr(equals + 1);
  }
  const auto take = [&given](const char* name) {
    const auto found = given.find(name);
    if (found == given.end()) fail(std::string("without ") + name);
    return given.extract(found).mapped();
  };
  const auto flag = [&take](const char* name) { return number<unsigned>(take(name)) != 0; };
  const std::size_t families = prefixes(take("prefixes"));
  Settings settings{.policy = policy(take("policy")),
                    .audit = flag("audit"),
                    .extended = flag("extended"),
                    .prefixes4 = (families & 1) != 0,
                    .prefixes6 = (families & 2) != 0,
                    .epoch = number<std::uint32_t>(take("epoch"))};
  if (!given.empty()) fail("unknown setting " + given.begin()->first);
  return settings;
}

Packet read_packet(Hook hook, std::istringstream& words) {
  Packet packet{.hook = hook, .frame = {}};
  std::string word;
  words >> word;
  if (word == "gso") {
    packet.gso = true;
    words >> word;
  }
  packet.frame = bytes(word);
  if (packet.frame.empty()) fail("no frame");
  if (words >> word) packet.expected = reason(word);
  return packet;
}

Step read_step(const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  if (what == "settings") return read_settings(words);
  if (what == "from_endpoint") return read_packet(Hook::FromEndpoint, words);
  if (what == "to_endpoint") return read_packet(Hook::ToEndpoint, words);
  std::string first, second;
  words >> first >> second;
  if (what == "age") return Age{number<std::uint64_t>(first)};
  if (what == "peer") return PeerClass{first, number<std::uint32_t>(second)};
  fail("unknown step " + what);
}

std::string text_of(const Settings& settings) {
  std::ostringstream text;
  text << "settings policy=";
  for (const auto& [value, name] : kPolicies) text << (value == settings.policy ? name : "");
  text << " audit=" << settings.audit << " extended=" << settings.extended
       << " prefixes=" << kPrefixes[(settings.prefixes4 ? 1U : 0U) + (settings.prefixes6 ? 2U : 0U)]
       << " epoch=" << settings.epoch;
  return text.str();
}
std::string text_of(const PeerClass& peer) {
  return "peer " + peer.address + " " + std::to_string(peer.peer_class);
}
std::string text_of(const Age& age) { return "age " + std::to_string(age.seconds); }
std::string text_of(const Packet& packet) {
  std::string text = packet.hook == Hook::FromEndpoint ? "from_endpoint " : "to_endpoint ";
  if (packet.gso) text += "gso ";
  text += hex(packet.frame);
  if (packet.expected) text += " " + reason_name(*packet.expected);
  return text;
}

}  // namespace

std::string reason_name(policyc_drop_reason wanted) {
  if (wanted == DROP_NONE) return "pass";
  for (const auto& [value, name] : kReasons) {
    if (value == wanted) return name;
  }
  return std::to_string(static_cast<int>(wanted));
}

std::string to_text(const Step& step) {
  return std::visit([](const auto& value) { return text_of(value); }, step);
}

std::string to_text(const NamedSequence& sequence) {
  std::string text = "sequence " + sequence.name + "\n";
  for (const Step& step : sequence.steps) text += to_text(step) + "\n";
  return text;
}

std::vector<NamedSequence> from_text(const std::string& text) {
  static constexpr std::string_view kBegin = "sequence ";
  std::vector<NamedSequence> sequences;
  std::istringstream lines(text);
  std::string line;
  for (int number_of_line = 1; std::getline(lines, line); ++number_of_line) {
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      if (line.starts_with(kBegin)) {
        sequences.push_back({.name = line.substr(kBegin.size()), .steps = {}});
        continue;
      }
      if (sequences.empty()) fail("a step before the first sequence");
      sequences.back().steps.push_back(read_step(line));
    } catch (const std::runtime_error& error) {
      fail("line " + std::to_string(number_of_line) + ": " + error.what());
    }
  }
  return sequences;
}

}  // namespace policyc::packet_fuzz
