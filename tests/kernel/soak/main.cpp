// policyc_soak: two endpoints of a node and a peer outside open, close, reset, half-close, repeat
// and reorder connections while policies change, time passes and what has expired is collected.
// Each verdict is compared with the reference models', each entry now and then; in the end
// everything expires, and nothing may be left. Needs root. Exit: 0 all is right, 1 something is
// not, 2 usage, 3 the datapath could not be run.
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/kernel/soak/talk.h"
#include "tests/kernel/soak/world.h"

namespace policyc::soak {
namespace {

using kernel_test::kAlice;
using kernel_test::kBob;
using kernel_test::Neighbours;
using kernel_test::other;

struct Arguments {
  double seconds = 10;
  std::uint64_t steps = 0;  // 0: as many as the seconds allow
  std::uint64_t seed = 1;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--seconds") {
      arguments.seconds = std::stod(argv[i + 1]);
    } else if (name == "--steps") {
      arguments.steps = std::stoull(argv[i + 1]);
    } else if (name == "--seed") {
      arguments.seed = std::stoull(argv[i + 1]);
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

// Who speaks with whom, and whether both ends still know the same of it.
struct Pair {
  Talk talk;
  std::optional<Who> beginner;  // nullopt: the peer outside
  std::optional<Who> answerer;
  // Another pair has the same connection, begun at the other end.
  bool shared = false;
  // Something was seen by one end only: the ends need a second to tell each other.
  bool apart = shared;
};

class Soak {
 public:
  explicit Soak(std::uint64_t seed) : dice_(seed) {
    for (const int family : {4, 6}) {
      for (std::uint16_t i = 0; i < 24; ++i) {
        for (const Who who : {kAlice, kBob}) {
          add(family, i, who, other(who));
          if (i % 3 != 0) continue;
          add(family, i, who, std::nullopt);
          add(family, i, std::nullopt, who);
        }
      }
    }
  }

  void step() {
    const std::size_t kind = dice_.below(1000);
    if (kind < 6) {
      change_policy();
    } else if (kind < 9) {
      static const std::vector<std::uint64_t> ages{1, 1, 1, 1, 2, 3, 4, 5, 100, 471};
      world_.age(kAge * dice_.pick(ages));
    } else if (kind < 11) {
      world_.collect_and_compare();
    } else if (kind < 60 && !travelling_.empty()) {
      arrive();
    } else {
      speak();
    }
    if (++steps_ % 2000 == 0) world_.follow_clock();
  }

  void finish() {
    while (!travelling_.empty()) arrive();
    world_.collect_and_compare();
    world_.age(kAge * 471);
    world_.collect_and_compare();
    if (world_.entries() != 0) throw Wrong("entries are left");
  }

  void print() const {
    const Counts& counts = world_.counts();
    std::cout << steps_ << " steps, " << changes_ << " changes of policy: " << counts.delivered
              << " delivered, " << counts.passed << " passed, " << counts.dropped << " dropped, "
              << counts.refused << " refused by the receiver; up to " << counts.most_entries
              << " entries, " << counts.collected << " collected, none left\n";
  }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  // A long run that has not met all of it has not looked where it should.
  [[nodiscard]] bool has_seen_everything() const {
    const Counts& counts = world_.counts();
    return counts.delivered != 0 && counts.passed != 0 && counts.dropped != 0 &&
           counts.refused != 0 && counts.collected != 0;
  }

 private:
  void add(int family, std::uint16_t number, std::optional<Who> from, std::optional<Who> to) {
    const auto address = [family](std::optional<Who> who) {
      return who ? Neighbours::address(*who, family) : World::outside(family);
    };
    struct Kind {
      std::uint8_t protocol;
      std::uint16_t from, to;
    };
    const auto client = static_cast<std::uint16_t>(40000 + number);
    const Kind kinds[] = {
        {kernel_test::kTcp, client, 80},
        {kernel_test::kTcp, number % 8 == 0 ? std::uint16_t{80} : client, 80},
        {kernel_test::kTcp, client, number % 4 == 0 ? std::uint16_t{81} : std::uint16_t{80}},
        {kernel_test::kUdp, client, 53},
        {family == 4 ? kernel_test::kIcmp4 : kernel_test::kIcmp6, client, client},
    };
    const Kind& kind = kinds[number % std::size(kinds)];
    pairs_.push_back(
        {Talk(family, kind.protocol, {address(from), kind.from}, {address(to), kind.to}), from, to,
         kind.protocol == kernel_test::kTcp && kind.from == kind.to});
  }

  void change_policy() {
    ++changes_;
    static const std::vector<std::uint32_t> classes{
        kernel_test::kAllowedClass, kernel_test::kAllowedClass, kernel_test::kAllowedClass,
        kernel_test::kDeniedClass, kernel_test::kUnknownClass};
    const Who who = dice_.one_in(2) ? kAlice : kBob;
    switch (dice_.below(8)) {
      case 0:
        world_.set_audit(who, dice_.one_in(4));
        break;
      case 1:
        world_.set_local_delivery(!dice_.one_in(4));
        break;
      case 2:
        world_.set_outside_class(dice_.pick(classes));
        break;
      default:
        world_.set_class(who, dice_.pick(classes));
        break;
    }
  }

  void speak() {
    const std::size_t index = dice_.below(pairs_.size());
    Pair& pair = pairs_[index];
    const Talk::Said said = pair.talk.next(dice_);
    const std::optional<Who> from = said.by_beginner ? pair.beginner : pair.answerer;
    const std::optional<Who> to = said.by_beginner ? pair.answerer : pair.beginner;
    if (!from) {
      static_cast<void>(world_.arrive(*to, said.frame));
      return;
    }
    if (to) {
      if (pair.apart && begins_differently(*from, *to, said)) return;
      if (pair.apart) world_.pause(said.frame, POLICYC_EGRESS);
    }
    const World::Fate fate = world_.send(*from, said.frame);
    if (!to) return;
    if (fate == World::Fate::OnItsWay) {
      // A linked entry has told the other one already, so the packet had better arrive.
      if (world_.is_linked(said.frame, POLICYC_EGRESS)) {
        pair.apart |= !world_.arrive(*to, said.frame);
      } else if (dice_.one_in(10)) {
        pair.apart = true;  // lost
      } else if (dice_.one_in(4)) {
        pair.apart = true;
        travelling_.push_back({said.frame, *to});
      } else {
        pair.apart |= !world_.arrive(*to, said.frame);
      }
    } else if (fate == World::Fate::Dropped) {
      pair.apart = true;
    }
    if (!world_.known(*from, said.frame, POLICYC_EGRESS) &&
        !world_.known(*to, said.frame, POLICYC_INGRESS) && travelling_.empty())
      pair.apart = pair.shared;
  }

  // A SYN that only one end would take for a new beginning, because only that end saw the
  // connection close.
  [[nodiscard]] bool begins_differently(Who from, Who to, const Talk::Said& said) const {
    if (said.tcp_flags == 0) return false;
    const auto closed = [&](const reference::Connection* connection) {
      return connection != nullptr &&
             (connection->closed_by_beginner || connection->closed_by_other);
    };
    return (said.tcp_flags & kernel_test::kSyn) != 0 &&
           closed(world_.known(from, said.frame, POLICYC_EGRESS)) !=
               closed(world_.known(to, said.frame, POLICYC_INGRESS));
  }

  // One of those that are on their way, whichever.
  void arrive() {
    const std::size_t which = dice_.below(travelling_.size());
    const Travelling packet = travelling_[which];
    travelling_.erase(travelling_.begin() + static_cast<std::ptrdiff_t>(which));
    // Its sender has spoken to a connection before this one.
    if (world_.is_linked(packet.frame, POLICYC_INGRESS)) return;
    static_cast<void>(world_.arrive(packet.to, packet.frame));
  }

  struct Travelling {
    Bytes frame;
    Who to = kAlice;
  };
  Dice dice_;
  World world_;
  std::vector<Pair> pairs_;
  std::vector<Travelling> travelling_;
  std::uint64_t steps_ = 0;
  std::uint64_t changes_ = 0;
};

int soak(const Arguments& arguments) {
  constexpr std::uint64_t kLongRun = 20000;  // steps
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(arguments.seconds);
  Soak soak(arguments.seed);
  try {
    while (arguments.steps != 0 ? soak.steps() < arguments.steps : Clock::now() < end) soak.step();
    soak.finish();
  } catch (const Wrong& wrong) {
    std::cout << "seed " << arguments.seed << ", step " << soak.steps() << ": " << wrong.what()
              << "\n";
    return 1;
  }
  soak.print();
  if (soak.steps() >= kLongRun && !soak.has_seen_everything()) {
    std::cout << "some of this never happened\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace policyc::soak

int main(int argc, char** argv) {
  policyc::soak::Arguments arguments;
  try {
    if (!policyc::soak::parse(argc, argv, arguments)) {
      std::cerr << "usage: policyc_soak [--seconds N | --steps N] [--seed S]\n";
      return 2;
    }
  } catch (const std::exception&) {
    std::cerr << "policyc_soak: not a number\n";
    return 2;
  }
  try {
    return policyc::soak::soak(arguments);
  } catch (const std::exception& error) {
    std::cerr << "policyc_soak: " << error.what() << "\n";
    return 3;
  }
}
