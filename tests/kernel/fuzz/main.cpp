// packet_fuzz: sequences of packets, most of them damaged, through from_endpoint and to_endpoint
// (BPF_PROG_TEST_RUN), every answer compared with the reference model's. Needs root. Exit: 0 all
// agree, 1 a disagreement (minimised, printed in the form of testdata/packets), 2 usage, 3 the
// datapath could not be run or a file not be read.
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "tests/kernel/fuzz/duel.h"
#include "tests/kernel/fuzz/generate.h"
#include "tests/kernel/fuzz/minimise.h"

namespace policyc::packet_fuzz {
namespace {

// What is known of the datapath and not yet put right; --strict 1 shows it.
constexpr reference::Tolerance kKnown{};

// Answers that a long run must have met, or it has not looked where it should.
constexpr policyc_drop_reason kMustMeet[] = {DROP_NONE,
                                             DROP_POLICY_DEFAULT_DENY,
                                             DROP_POLICY_DENY,
                                             DROP_L7_PROXY_UNAVAILABLE,
                                             DROP_INVALID_SOURCE_ADDRESS,
                                             DROP_TRUNCATED,
                                             DROP_MALFORMED,
                                             DROP_UNKNOWN_ETHERTYPE,
                                             DROP_UNKNOWN_PROTOCOL,
                                             DROP_TOO_MANY_EXTENSION_HEADERS,
                                             DROP_FRAGMENT_WITHOUT_FIRST,
                                             DROP_MISSING_STATE,
                                             DROP_AUTH_REQUIRED,
                                             DROP_FRAGMENTED_ICMP};
constexpr std::uint64_t kLongRun = 1000;  // sequences

struct Arguments {
  double seconds = 10;
  std::uint64_t sequences = 0;  // 0: as many as the seconds allow
  std::uint64_t seed = 1;
  std::uint64_t findings = 1;  // stop after so many
  std::string replay;          // a file, or a folder of *.hex
  bool strict = false;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--seconds") {
      arguments.seconds = std::stod(value);
    } else if (name == "--sequences") {
      arguments.sequences = std::stoull(value);
    } else if (name == "--seed") {
      arguments.seed = std::stoull(value);
    } else if (name == "--findings") {
      arguments.findings = std::stoull(value);
    } else if (name == "--replay") {
      arguments.replay = value;
    } else if (name == "--strict") {
      arguments.strict = value == "1";
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

void report(Duel& duel, const Sequence& sequence, const Disagreement& found) {
  std::cout << "step " << found.step + 1 << " of " << sequence.size() << ": " << found.what << "\n";
  // Shorter, with the same complaint: another one may only come of time that no longer passes.
  const Sequence small = minimise(sequence, [&](const Sequence& candidate) {
    const std::optional<Disagreement> again = duel.play(candidate);
    return again && again->what == found.what;
  });
  std::cout << to_text(NamedSequence{.name = found.what, .steps = duel.expect(small)})
            << std::flush;
}

int fuzz(Duel& duel, const Arguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::uint64_t sequences = 0, findings = 0;
  for (;
       findings < arguments.findings &&
       (arguments.sequences == 0 ? elapsed() < arguments.seconds : sequences < arguments.sequences);
       ++sequences) {
    const Sequence sequence = generate(arguments.seed + sequences);
    const std::optional<Disagreement> found = duel.play(sequence);
    // A machine that stood still for seconds lets connections end too early, but not twice.
    if (!found || !duel.play(sequence)) continue;
    ++findings;
    std::cout << "seed " << arguments.seed + sequences << ": ";
    report(duel, sequence, *found);
  }
  std::uint64_t packets = 0;
  for (const auto& [reason, count] : duel.answers()) packets += count;
  std::cout << sequences << " sequences, " << packets << " packets, " << findings << " findings, "
            << elapsed() << " s\n";
  for (const auto& [reason, count] : duel.answers())
    std::cout << "  " << reason_name(reason) << " " << count << "\n";
  bool complete = true;
  for (const policyc_drop_reason reason : kMustMeet) {
    if (sequences < kLongRun || duel.answers().contains(reason)) continue;
    std::cout << "never met: " << reason_name(reason) << "\n";
    complete = false;
  }
  return findings == 0 && complete ? 0 : 1;
}

std::vector<std::filesystem::path> files(const std::string& path) {
  std::vector<std::filesystem::path> result;
  if (!std::filesystem::is_directory(path)) return {path};
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".hex") result.push_back(entry.path());
  }
  std::sort(result.begin(), result.end());
  if (result.empty()) throw std::runtime_error("no *.hex in " + path);
  return result;
}

std::vector<NamedSequence> read(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  if (!(text << stream.rdbuf())) throw std::runtime_error("cannot read " + file.string());
  try {
    return from_text(text.str());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

int replay(Duel& duel, const std::string& path) {
  int status = 0;
  std::size_t count = 0;
  for (const std::filesystem::path& file : files(path)) {
    for (const NamedSequence& sequence : read(file)) {
      ++count;
      const std::optional<Disagreement> found = duel.play(sequence.steps);
      if (!found) continue;
      std::cout << file.string() << ": " << sequence.name << ": step " << found->step + 1 << ": "
                << found->what << "\n  " << to_text(sequence.steps[found->step]) << "\n";
      status = 1;
    }
  }
  std::cout << count << " sequences replayed\n";
  return status;
}

}  // namespace
}  // namespace policyc::packet_fuzz

int main(int argc, char** argv) {
  using namespace policyc::packet_fuzz;
  try {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) {
      std::cerr << "usage: packet_fuzz [--seconds S] [--sequences N] [--seed FIRST] [--findings N] "
                   "[--replay FILE_OR_FOLDER] [--strict 1]\n";
      return 2;
    }
    Duel duel(arguments.strict ? policyc::reference::Tolerance{} : kKnown);
    return arguments.replay.empty() ? fuzz(duel, arguments) : replay(duel, arguments.replay);
  } catch (const std::invalid_argument&) {
    std::cerr << "packet_fuzz: not a number\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "packet_fuzz: " << error.what() << "\n";
    return 3;
  }
}
