#pragma once
// Conversations: which packet comes next, in the order that it should, or not.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/dice.h"
#include "tests/kernel/packet.h"

namespace policyc::soak {

using fuzz::Dice;
using kernel_test::Bytes;

struct End {
  std::string address;
  std::uint16_t port = 0;  // ICMP echo: the identifier
};

// Two ends that talk again and again: TCP, UDP or ICMP echo.
class Talk {
 public:
  Talk(int family, std::uint8_t protocol, End beginner, End other);

  struct Said {
    bool by_beginner = true;
    std::uint8_t tcp_flags = 0;
    bool large = false;  // more than the link takes at once
    Bytes frame;
  };
  // Mostly the next packet of what the protocol has in mind, else one that came before, one that is
  // early, a reset, or nonsense.
  [[nodiscard]] Said next(Dice& dice);

  [[nodiscard]] const End& beginner() const { return beginner_; }
  [[nodiscard]] const End& other() const { return other_; }

 private:
  [[nodiscard]] Said say(bool by_beginner, std::uint8_t tcp_flags, bool large) const;
  void write_script(Dice& dice);

  struct Line {
    bool by_beginner = true;
    std::uint8_t tcp_flags = 0;
  };
  int family_;
  std::uint8_t protocol_;
  End beginner_;
  End other_;
  std::vector<Line> script_;
  std::size_t at_ = 0;
};

}  // namespace policyc::soak
