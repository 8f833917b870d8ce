#include "tests/bench/services/options.h"

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <sstream>

namespace policyc::bench {
namespace {

constexpr const char* kUsage =
    "usage: services_bench [--services N,...] [--implementations NAME,...] [--repeats N]\n"
    "                      [--round-ms N] [--json FILE] [--plot FILE]\n"
    "implementations: direct (always measured), nftables, iptables-legacy,\n"
    "                 iptables-legacy-comments, policyc-sockets, policyc-packets,\n"
    "                 policyc-packets-delivery\n";
// Addresses of services and of endpoints that are only named.
constexpr std::size_t kMaxServices = 60000;
constexpr std::size_t kMaxRepeats = 1000;
constexpr std::size_t kMaxRoundMilliseconds = 60000;

[[noreturn]] void refuse(const std::string& what) {
  std::cerr << "services_bench: " << what << "\n" << kUsage;
  std::exit(2);
}

std::size_t number(const std::string& text, std::size_t most) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > most)
    refuse("not a number from 1 to " + std::to_string(most) + ": " + text);
  return value;
}

std::vector<std::string> list(const std::string& text) {
  std::vector<std::string> items;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  if (items.empty()) refuse("an empty list");
  return items;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) refuse(name + " without a value");
    const std::string value = argv[i + 1];
    if (name == "--services") {
      options.services.clear();
      for (const auto& item : list(value)) options.services.push_back(number(item, kMaxServices));
    } else if (name == "--implementations") {
      options.implementations = list(value);
    } else if (name == "--repeats") {
      options.repeats = static_cast<int>(number(value, kMaxRepeats));
    } else if (name == "--round-ms") {
      options.round = Round(number(value, kMaxRoundMilliseconds));
    } else if (name == "--json") {
      options.json_file = value;
    } else if (name == "--plot") {
      options.plot_file = value;
    } else {
      refuse("unknown option: " + name);
    }
  }
  return options;
}

}  // namespace policyc::bench
