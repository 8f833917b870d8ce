#pragma once
// A node with two endpoints as the datapath has it and as two reference models have it, one for
// each endpoint. Whatever is done here is done to both, and they are compared.
//
// The clock stands still but for age(): the entries are moved along with the kernel's. Ages are
// multiples of kAge, from which every lifetime is far enough away for what is not exact in that.

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "tests/kernel/neighbours.h"
#include "tests/kernel/soak/history.h"
#include "tests/reference/model.h"

namespace policyc::soak {

using kernel_test::Bytes;
using kernel_test::Hook;
using kernel_test::Who;

// 10, 60 and 8000 seconds all end 7 seconds or more from any multiple of it.
inline constexpr std::uint64_t kAge = 17;

// The datapath and the models differ, or the datapath contradicts itself.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Counts {
  std::uint64_t delivered = 0;
  std::uint64_t passed = 0;        // to or from the stack
  std::uint64_t dropped = 0;       // by the program of who sends or receives
  std::uint64_t refused = 0;       // by the receiver, asked in the program of the sender
  std::uint64_t collected = 0;     // entries
  std::uint64_t most_entries = 0;  // at once
};

class World {
 public:
  World();

  enum class Fate : std::uint8_t { Dropped, Delivered, OnItsWay };
  // `from` sends; OnItsWay: the stack has it now.
  Fate send(Who from, const Bytes& frame);
  // The stack brings it; whether it passes.
  bool arrive(Who to, const Bytes& frame);
  // As if the packets of its connection before it were more than a second ago.
  void pause(const Bytes& frame, policyc_direction direction);
  // Whether the entry that the packet meets hands packets on past the stack.
  [[nodiscard]] bool is_linked(const Bytes& frame, policyc_direction direction) const;
  [[nodiscard]] const reference::Connection* known(Who who, const Bytes& frame,
                                                   policyc_direction direction) const;

  // A change of policy; all of them raise the epoch.
  void set_class(Who who, std::uint32_t peer_class);
  void set_outside_class(std::uint32_t peer_class);
  void set_audit(Who who, bool audit);
  void set_local_delivery(bool on);

  void age(std::uint64_t seconds);
  // Lets the entries follow the kernel's clock; due every few seconds.
  void follow_clock();
  // Removes what has expired; what is left must be what the models have alive, entry by entry.
  void collect_and_compare();

  [[nodiscard]] std::size_t entries() const { return node_.datapath().connections(); }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  static std::string outside(int family) { return family == 4 ? "10.0.0.40" : "fd00::40"; }

 private:
  static std::size_t number(Who who) { return static_cast<std::size_t>(who); }
  [[nodiscard]] reference::Model& model(Who who) { return models_[number(who)]; }
  void raise_epoch(const std::string& why);
  // Throws, with what happened before, unless both say the same.
  void expect_verdict(const char* whose, policyc_drop_reason must, std::uint8_t is,
                      const reference::Tuple& tuple) const;
  struct Observed {
    std::uint32_t action = 0;
    event drop{};
  };
  Observed run(Hook hook, Who who, const Bytes& frame);
  void compare_entry(Who who, const reference::Tuple& tuple,
                     const reference::Connection& connection) const;

  kernel_test::Neighbours node_;
  std::array<reference::Model, 2> models_;
  std::uint32_t flags_ = 0;
  std::uint64_t clock_ = 0;  // ticks
  Counts counts_;
  History history_;
};

}  // namespace policyc::soak
